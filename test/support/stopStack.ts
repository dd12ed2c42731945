import {stopStack} from '../../stack/stack.js';
import {stackName} from './stack.js';

export default async function tearDown(): Promise<void> {
  await stopStack(stackName(process.pid));
}
