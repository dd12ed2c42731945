import {randomInt} from 'node:crypto';
import {createServer} from 'node:net';
import {withLock} from './lock.js';
import {StackError} from './stackError.js';
import {portsOfStacks} from './stackState.js';

/** These ports are below the kernel's range for outgoing connections, so that no outgoing connection can use them. */
const FIRST_PORT = 20_000;
/**
 * A stopped server must be able to reuse its port. So each jest process draws ports from its own range, numbered by
 * JEST_WORKER_ID (1, 2, ...). All other programs use range 0.
 */
const RANGES = 10;
const PORTS_PER_RANGE = 1_000;
const TRIES_MAX = 200;

/**
 * Reserves free ports for a stack. `keep` stores them in the state of the stack, where `freePorts` sees them. A lock
 * serializes the launchers, so that two launchers never reserve the same port.
 */
export async function reservePorts(count: number, keep: (ports: number[]) => void): Promise<void> {
  await withLock('ports', async () => keep(await freePorts(count)));
}

/** Distinct free ports on the loopback address. Ports of stopped servers are left out. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  const taken = portsOfStacks();
  const first = FIRST_PORT + PORTS_PER_RANGE * (Number(process.env['JEST_WORKER_ID'] ?? '0') % RANGES);
  for (let tries = 0; tries < TRIES_MAX && found.size < count; tries++) {
    const port = first + randomInt(PORTS_PER_RANGE);
    if (!found.has(port) && !taken.has(port) && (await isFree(port))) found.add(port);
  }
  if (found.size < count)
    throw new StackError(
      `Too few free ports on 127.0.0.1 between ${first} and ${first + PORTS_PER_RANGE - 1}.`,
    );
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({host: '127.0.0.1', port, exclusive: true}, () => server.close(() => resolve(true)));
  });
}
