/** See startStack.mjs. */
import {tsImport} from 'tsx/esm/api';

export default async function tearDown() {
  const {default: stopStack} = await tsImport('./stopStack.ts', import.meta.url);
  await stopStack();
}
