import {createHash} from 'node:crypto';
import {createServer} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';

const POLL_MS = 200;

/**
 * Runs the work under a lock, so that no other process does work of the same name at the same time.
 *
 * The lock is an abstract Unix socket, which only Linux has. The kernel lets one process bind it, and releases it when
 * that process ends in any way, so no stale lock file can remain. Other systems run only containers, without this lock.
 */
export async function withLock<T>(
  name: string,
  work: () => Promise<T>,
  options: {onWait?: () => void; signal?: AbortSignal | undefined} = {},
): Promise<T> {
  if (process.platform !== 'linux') return work();
  const path = `\0order-projector-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
  let release = await tryListen(path);
  if (release === undefined) options.onWait?.();
  while (release === undefined) {
    await sleep(POLL_MS, undefined, {signal: options.signal});
    release = await tryListen(path);
  }
  try {
    return await work();
  } finally {
    await release();
  }
}

function tryListen(path: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({path, exclusive: true}, () => {
      server.unref();
      resolve(() => new Promise((closed) => server.close(() => closed())));
    });
  });
}
