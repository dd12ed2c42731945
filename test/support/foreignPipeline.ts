/** The whole pipeline for tables that are not ours: a database, the connector that follows from the settings, a worker, and an own Redis. */
import {createConnection, type Connection} from 'mysql2/promise';
import {readConfig, sourceSchema} from '../../src/config/readConfig.js';
import {ForeignShop} from '../../stack/foreignShop.js';
import {createShopDatabase, VALUES_AS_TEXT} from '../../stack/shopDatabase.js';
import {WorkerProcess} from '../../stack/worker.js';
import {QUICK, type Variables} from './pipeline.js';
import {projector} from './projector.js';
import {Random} from './random.js';
import {connectRoot} from './shop.js';
import {testStack, variables} from './stack.js';

export interface ForeignTables {
  /** A short name. It is part of the names of the database and of the keys. */
  readonly name: string;
  readonly schema: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly redisUrl: string;
}

export class ForeignPipeline {
  readonly prefix: string;
  /** A connection as root, which uses the database. */
  readonly root: Connection;
  readonly settings: Variables;
  worker: WorkerProcess;

  private constructor(root: Connection, prefix: string, settings: Variables) {
    this.root = root;
    this.prefix = prefix;
    this.settings = settings;
    this.worker = this.#newWorker();
  }

  /** Creates the tables, applies the connector and starts a worker. */
  static async open({name, schema, settings, redisUrl}: ForeignTables): Promise<ForeignPipeline> {
    const database = `${name.replaceAll('-', '_')}_${process.pid}_${Date.now().toString(36)}`;
    const {host, port, user, password} = testStack().env.mysql;
    const root = await connectRoot();
    await createShopDatabase(root, {database, user, schema});
    await root.query(`USE ${database}`);
    const ours: Variables = {
      ...QUICK,
      ...settings,
      SOURCE_DATABASE: database,
      MYSQL_URL: `mysql://${user}:${password}@${host}:${port}/${database}`,
      KAFKA_TOPIC: `${database}.order-events`,
      KAFKA_GROUP_ID: database,
      REDIS_URL: redisUrl,
      REDIS_KEY_PREFIX: `${name}:`,
      // The worker after a kill need not wait until the session of the killed one has expired.
      PROJECTOR_INSTANCE_ID: database,
    };
    await run(['connector', 'apply'], ours);
    return new ForeignPipeline(root, `${name}:`, ours);
  }

  /** Runs a command. Rejects if it does not end with 0. */
  async run(...args: readonly string[]): Promise<void> {
    await run(args, this.settings);
  }

  /** Ends the worker and starts another one, with other settings if some are given. */
  async restart(signal: 'SIGTERM' | 'SIGKILL', settings: Variables = {}): Promise<void> {
    await this.worker.end(signal);
    Object.assign(this.settings, settings);
    this.worker = this.#newWorker();
  }

  /** Does random business, with kill -9 in the middle. Resolves with the number of transactions. */
  async trade(steps: number, seed: number): Promise<number> {
    const connection = await createConnection({uri: this.settings['MYSQL_URL'] ?? '', ...VALUES_AS_TEXT});
    try {
      const schema = sourceSchema(readConfig(this.settings, []));
      const shop = await ForeignShop.open({connection, schema, random: new Random(seed)});
      for (let step = 0; step < steps; step++) {
        if (step === Math.floor(steps / 2)) await this.restart('SIGKILL');
        await shop.trade();
      }
      return shop.done.transactions;
    } finally {
      await connection.end();
    }
  }

  async close(): Promise<void> {
    await this.worker.end('SIGTERM');
    await this.run('connector', 'delete');
    await this.root.end();
  }

  #newWorker(): WorkerProcess {
    return new WorkerProcess({...variables(), ...this.settings});
  }
}

async function run(args: readonly string[], settings: Variables): Promise<void> {
  const {status, stdout, stderr} = await projector(args, settings);
  if (status !== 0) throw new Error(`projector ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
}
