/** Jest loads a global setup past its own resolver, so `./name.js` would not find the TypeScript beside it; tsx does. */
import {tsImport} from 'tsx/esm/api';

export default async function setUp(config) {
  const {default: startStacks} = await tsImport('./startStacks.ts', import.meta.url);
  await startStacks(config);
}
