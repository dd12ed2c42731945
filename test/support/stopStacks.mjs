/** Uses tsx for the reason given in startStacks.mjs. */
import {tsImport} from 'tsx/esm/api';

export default async function tearDown(config) {
  const {default: stopStacks} = await tsImport('./stopStacks.ts', import.meta.url);
  await stopStacks(config);
}
