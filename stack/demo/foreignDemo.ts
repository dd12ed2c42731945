/** `npm run demo -- --shop NAME`: the tables and rows of a shop system, its preset, random business, and kill -9. */
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {Redis} from 'ioredis';
import {createConnection, type Connection} from 'mysql2/promise';
import {readConfig, sourceSchema} from '../../src/config/readConfig.js';
import {ForeignShop} from '../foreignShop.js';
import {createShopDatabase, rootOf, settingsOfPreset, VALUES_AS_TEXT} from '../shopDatabase.js';
import {Random} from '../random.js';
import {workerVariables, type Stack} from '../stack.js';
import {until} from '../until.js';
import {WorkerProcess} from '../worker.js';

const SHOPS = 'shops';
/** How long the first record may take from MySQL to Redis. */
const APPLIED_MS = 60_000;

export interface ForeignDemo {
  readonly shop: string;
  readonly transactions: number;
  readonly seed: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export function shopNames(): string[] {
  return readdirSync(SHOPS).filter((name) => existsSync(join(SHOPS, name, 'rows.sql')));
}

/** Resolves with the exit code of `projector verify`. */
export async function showForeignShop(stack: Stack, demo: ForeignDemo): Promise<number> {
  const {shop, say} = demo;
  const text = (file: string): string => readFileSync(join(SHOPS, file), 'utf8');
  const database = `demo_${shop.replaceAll('-', '_')}`;
  const preset = text(`${shop}.env`);
  const {host, port, user, password} = stack.env.mysql;
  const variables: Record<string, string> = {
    ...workerVariables(stack.env),
    ...settingsOfPreset(preset),
    SOURCE_DATABASE: database,
    MYSQL_URL: `mysql://${user}:${password}@${host}:${port}/${database}`,
    KAFKA_TOPIC: `${database}.order-events`,
    KAFKA_GROUP_ID: database,
    REDIS_KEY_PREFIX: `${shop}:`,
    KAFKA_SESSION_TIMEOUT_MS: '6000',
    KAFKA_HEARTBEAT_INTERVAL_MS: '1000',
    PROJECTOR_INSTANCE_ID: database,
  };
  const run = async (...args: readonly string[]): Promise<number> => {
    const command = new WorkerProcess(variables, args);
    const {code} = await command.exited;
    for (const line of command.output.trim().split('\n')) say(`   ${line}`);
    return code ?? 1;
  };
  say(`2. Creating the tables of ${shop} and the connector that follows from shops/${shop}.env:`);
  for (const line of preset.trim().split('\n')) say(`   ${line}`);
  const root = await rootOf(stack);
  let worker: WorkerProcess | undefined;
  try {
    await createShopDatabase(root, {database, user, schema: text(`${shop}/schema.sql`)});
    if ((await run('connector', 'apply')) !== 0)
      throw new Error('connector apply failed; its output is above');
    say('3. Starting the worker, inserting the rows of the shop, and doing random business');
    worker = new WorkerProcess(variables);
    await root.query(`USE ${database}; ${text(`${shop}/rows.sql`)}`);
    worker = await trade(variables, worker, demo);
    say('5. Comparing Redis with MySQL ...');
    const code = await run('verify', '--wait', '60');
    await run('report', '--top', '3');
    return code;
  } finally {
    await worker?.end('SIGTERM');
    await root.end();
  }
}

/** Does random business. In the middle it kills the worker. Resolves with the worker that runs then. */
async function trade(
  variables: Readonly<Record<string, string>>,
  first: WorkerProcess,
  {transactions, seed, say, signal}: ForeignDemo,
): Promise<WorkerProcess> {
  let worker = first;
  const connection: Connection = await createConnection({
    uri: variables['MYSQL_URL'] ?? '',
    ...VALUES_AS_TEXT,
  });
  try {
    const schema = sourceSchema(readConfig(variables, []));
    const business = await ForeignShop.open({connection, schema, random: new Random(seed)});
    for (let count = 0; count < transactions && !signal.aborted; count++) {
      if (count === Math.floor(transactions / 2)) {
        await untilApplied(variables, worker);
        await worker.end('SIGKILL');
        say(
          '4. Killing the worker under load (kill -9). A new worker resumes at the position stored in Redis',
        );
        worker = new WorkerProcess(variables);
      }
      await business.trade();
    }
    say(
      `   ${business.done.transactions} transactions; ${business.done.unfit} did not fit the tables and were undone`,
    );
    return worker;
  } finally {
    await connection.end();
  }
}

/** Resolves when the worker has written an order to Redis. */
async function untilApplied(
  {REDIS_URL: url = '', REDIS_KEY_PREFIX: prefix = ''}: Readonly<Record<string, string>>,
  worker: WorkerProcess,
): Promise<void> {
  const redis = new Redis(url);
  try {
    const isApplied = async (): Promise<boolean> => (await redis.exists(`${prefix}report:totals`)) === 1;
    await until(
      async () => !worker.isRunning || (await isApplied()),
      () => `an order in Redis. The output of the worker:\n${worker.output}`,
      APPLIED_MS,
    );
  } finally {
    redis.disconnect();
  }
}
