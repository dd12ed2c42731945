import {randomInt} from 'node:crypto';
import {createServer} from 'node:net';
import {StackError} from './stackError.js';
import {portsOfStacks} from './stackState.js';

/** Below the range that the kernel hands out to outgoing connections, so none of those takes a port meanwhile. */
const FIRST_PORT = 20_000;
const LAST_PORT = 29_999;
const TRIES_MAX = 200;

/** Different free ports on the loopback address, none of which a stack will want back. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  const taken = portsOfStacks();
  for (let tries = 0; tries < TRIES_MAX && found.size < count; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (!found.has(port) && !taken.has(port) && (await isFree(port))) found.add(port);
  }
  if (found.size < count) throw new StackError(`No free ports between ${FIRST_PORT} and ${LAST_PORT}.`);
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({host: '127.0.0.1', port, exclusive: true}, () => server.close(() => resolve(true)));
  });
}
