/** A connector as Kafka Connect's REST interface shows it. */
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {projector} from './projector.js';
import {testStack} from './stack.js';
import {until} from './until.js';

async function request(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${testStack().env.connect.url}/connectors${path}`, {
    method,
    ...(body === undefined
      ? {}
      : {body: JSON.stringify(body), headers: {'content-type': 'application/json'}}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`Connect: ${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

export interface ConnectorNames {
  /** Of the connector, and the prefix of the topics that it keeps for itself. */
  readonly name: string;
  /** The database that it reads. */
  readonly database: string;
  /** The topic that it writes to. */
  readonly topic: string;
}

type Config = Readonly<Record<string, string>>;

export class Connector {
  readonly name: string;
  readonly topic: string;
  readonly config: Config;

  private constructor({name, topic}: ConnectorNames, config: Config) {
    this.name = name;
    this.topic = topic;
    this.config = config;
  }

  /** Resolves when a connector from a shipped file runs under these names. */
  static async apply(file: 'orders.json' | 'orders-compact.json', names: ConnectorNames): Promise<Connector> {
    const config = renamed(file, names);
    const folder = mkdtempSync(join(tmpdir(), 'order-projector-'));
    try {
      const path = join(folder, 'connector.json');
      writeFileSync(path, JSON.stringify({name: names.name, config}));
      const {status, stderr} = await projector(['connector', 'apply', '--file', path], {
        KAFKA_TOPIC: names.topic,
      });
      if (status !== 0) throw new Error(`connector apply: ${stderr}`);
    } finally {
      rmSync(folder, {recursive: true, force: true});
    }
    return new Connector(names, config);
  }

  /** Opaque: what Connect keeps as the place in the binlog. */
  async offsets(): Promise<unknown> {
    return await request('GET', `/${this.name}/offsets`);
  }

  /** Stops the task; Connect then stores how far it came. */
  async stop(): Promise<void> {
    await request('PUT', `/${this.name}/stop`);
    await this.#untilState('STOPPED');
  }

  /** Only while stopped. */
  async setOffsets(offsets: unknown): Promise<void> {
    // Right after the stop Connect may still be rebalancing, and refuses.
    await until(
      async () => {
        try {
          await request('PATCH', `/${this.name}/offsets`, offsets);
          return true;
        } catch {
          return false;
        }
      },
      () => `offsets of ${this.name} set`,
    );
  }

  async resume(): Promise<void> {
    await request('PUT', `/${this.name}/resume`);
    await this.#untilState('RUNNING');
  }

  async delete(): Promise<void> {
    await request('DELETE', `/${this.name}`);
  }

  async #untilState(state: string): Promise<void> {
    let seen = '';
    await until(
      async () => {
        const status = (await request('GET', `/${this.name}/status`)) as {
          connector: {state: string};
          tasks: {state: string}[];
        };
        seen = JSON.stringify(status);
        const tasksAreRight =
          state === 'STOPPED' ? status.tasks.length === 0 : status.tasks.some((task) => task.state === state);
        return status.connector.state === state && tasksAreRight;
      },
      () => `connector ${this.name} ${state}, not ${seen}`,
    );
  }
}

/** The settings of a shipped file, which are those of database `shop`, for other names. */
function renamed(file: string, {name, database, topic}: ConnectorNames): Config {
  const shipped = JSON.parse(readFileSync(join('connectors', file), 'utf8')) as {config: Config};
  const config = Object.fromEntries(
    Object.entries(shipped.config).map(([setting, value]) => [
      setting,
      value
        .replaceAll('shop\\.shop\\.', `${name}\\.${database}\\.`)
        .replace(/\bshop\.(?=(?:orders|order_items|heartbeat|debezium_signal)\b)/g, `${database}.`),
    ]),
  );
  return {
    ...config,
    'database.include.list': database,
    // Each connector that reads MySQL's binlog is a replica with a number of its own.
    'database.server.id': String(1_000_000 + (Date.now() % 1_000_000_000)),
    'topic.prefix': name,
    'transforms.route.replacement': topic,
    'topic.creation.events.include': topic.replaceAll('.', '\\.'),
    'schema.history.internal.kafka.topic': `${name}.schema-history`,
  };
}

/** Deletes every connector that earlier tests have left, so that none of them writes or reads any more. */
export async function deleteConnectors(): Promise<void> {
  await until(
    async () => {
      try {
        const names = (await request('GET', '')) as string[];
        for (const name of names) await request('DELETE', `/${name}`);
        return true;
      } catch {
        // Connect may still be on its way back from a test that stopped it, or in a rebalance.
        return false;
      }
    },
    () => 'a Kafka Connect without connectors',
    60_000,
  );
}
