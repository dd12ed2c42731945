import {randomInt} from 'node:crypto';
import {createServer} from 'node:net';
import {withLock} from './lock.js';
import {StackError} from './stackError.js';
import {portsOfStacks} from './stackState.js';

/** Below the range that the kernel hands out to outgoing connections, so none of those takes a port meanwhile. */
const FIRST_PORT = 20_000;
/**
 * A stopped server must get its port back. So each process of jest draws ports from a range of its own (JEST_WORKER_ID, from 1 on);
 * all other programs use the first range.
 */
const RANGES = 10;
const PORTS_PER_RANGE = 1_000;
const TRIES_MAX = 200;

/**
 * Free ports for a stack; `keep` writes them where `freePorts` looks for them. Launchers take turns, so that two that start
 * at the same time never draw the same port.
 */
export async function reservePorts(count: number, keep: (ports: number[]) => void): Promise<void> {
  await withLock('ports', async () => keep(await freePorts(count)));
}

/** Different free ports on the loopback address, none of which a stack will want back. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  const taken = portsOfStacks();
  const first = FIRST_PORT + PORTS_PER_RANGE * (Number(process.env['JEST_WORKER_ID'] ?? '0') % RANGES);
  for (let tries = 0; tries < TRIES_MAX && found.size < count; tries++) {
    const port = first + randomInt(PORTS_PER_RANGE);
    if (!found.has(port) && !taken.has(port) && (await isFree(port))) found.add(port);
  }
  if (found.size < count)
    throw new StackError(`No free ports between ${first} and ${first + PORTS_PER_RANGE - 1}.`);
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({host: '127.0.0.1', port, exclusive: true}, () => server.close(() => resolve(true)));
  });
}
