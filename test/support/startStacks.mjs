/** jest loads a global setup without its resolver, so `./name.js` would not find the TypeScript file. tsx finds it. */
import {tsImport} from 'tsx/esm/api';

export default async function setUp(config) {
  const {default: startStacks} = await tsImport('./startStacks.ts', import.meta.url);
  await startStacks(config);
}
