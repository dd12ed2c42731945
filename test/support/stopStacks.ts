import {stopStack} from '../../stack/stack.js';
import {stackName} from './stack.js';

export default async function tearDown({maxWorkers}: {readonly maxWorkers: number}): Promise<void> {
  await Promise.all(
    Array.from({length: maxWorkers}, async (_, lane) => await stopStack(stackName(process.pid, lane))),
  );
}
