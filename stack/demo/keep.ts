/** `--keep`: the worker that stays running, and the commands that the demo suggests. */
import {spawn} from 'node:child_process';
import {openSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {stackFolder} from '../folders.js';
import {workerVariables, type Stack} from '../stack.js';

export interface KeptWorker {
  readonly pid: number | undefined;
  readonly logFile: string;
  /** The address of its live page. Undefined if the worker ended early. */
  readonly url: string | undefined;
}

/** An order and a product that exist in Redis, so that the suggested commands print something. */
export interface Sample {
  readonly orderId: string;
  readonly productId: string;
}

/** The worker chooses a free port, and its log names it. */
const LISTENING = /"port":(\d+).*"msg":"http server listening"/;
/** How long the worker may take until it listens. */
const LISTENING_MS = 30_000;

/** Starts a worker that outlives this process. Resolves when it listens. */
export async function keepWorker(stack: Stack): Promise<KeptWorker> {
  const logFile = join(stackFolder(stack.name), 'worker.log');
  const log = openSync(logFile, 'a');
  const before = readFileSync(logFile, 'utf8').length;
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
  const child = spawn(process.execPath, [main, 'run'], {
    env: {...process.env, ...workerVariables(stack.env)},
    detached: true,
    stdio: ['ignore', log, log],
  });
  child.unref();
  const output = (): string => readFileSync(logFile, 'utf8').slice(before);
  const isDone = (): boolean => LISTENING.test(output()) || child.exitCode !== null;
  for (const startMs = Date.now(); !isDone() && Date.now() - startMs < LISTENING_MS;)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const [, port] = LISTENING.exec(output()) ?? [];
  return {pid: child.pid, logFile, url: port === undefined ? undefined : `http://127.0.0.1:${port}/`};
}

/** The lines with commands to try next. */
export function lookAround(stack: Stack, worker: KeptWorker, sample: Sample): string[] {
  const {orderId, productId} = sample;
  const {host, port} = {host: '127.0.0.1', port: new URL(stack.env.redis.url).port};
  const cli = `${stack.redisCli ?? 'redis-cli'} -h ${host} -p ${port}`;
  const name = stack.name === 'default' ? '' : ` --name ${stack.name}`;
  return [
    'The servers and a worker keep running.',
    'Read an order, a product counter and a report from Redis:',
    `  ${cli} HGETALL order:${orderId}`,
    `  ${cli} GET product:${productId}:sold`,
    `  ${cli} ZREVRANGE report:products 0 9 WITHSCORES`,
    'Delete the order in MySQL, then read it from Redis again:',
    `  npm run -s stack -- sql${name} "DELETE FROM orders WHERE id = ${orderId}"`,
    'Run the commands of the projector on these servers:',
    `  eval "$(npm run -s stack -- env --shell${name})"`,
    '  node dist/main.js report',
    '  node dist/main.js lag',
    ...(worker.url === undefined
      ? []
      : [
          'The live page of the worker, for a browser:',
          `  ${worker.url}`,
          'Its state, as text:',
          `  node dist/main.js status --url ${worker.url.replace(/\/$/, '')}`,
        ]),
    'Follow the log of the worker:',
    `  tail -f ${worker.logFile}`,
    'Stop the worker and the servers, and remove their data:',
    `  kill ${worker.pid ?? ''}`,
    `  npm run stack -- down${name}`,
  ];
}
