/** A connector, controlled through Kafka Connect's REST interface. */
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
  /** The name of the connector, and the prefix of its internal topics. */
  readonly name: string;
  /** The database that it reads. */
  readonly database: string;
  /** The topic that it writes. */
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

  /** Applies a connector from a shipped file with these names. Resolves when it is running. */
  static async apply(file: 'orders.json' | 'orders-compact.json', names: ConnectorNames): Promise<Connector> {
    const config = renamed(file, names);
    const folder = mkdtempSync(join(tmpdir(), 'order-projector-'));
    try {
      const path = join(folder, 'connector.json');
      writeFileSync(path, JSON.stringify({name: names.name, config}));
      const {status, stderr} = await projector(['connector', 'apply', '--file', path], {
        KAFKA_TOPIC: names.topic,
      });
      if (status !== 0) throw new Error(`connector apply failed: ${stderr}`);
    } finally {
      rmSync(folder, {recursive: true, force: true});
    }
    return new Connector(names, config);
  }

  /** The binlog position that Connect stores. Its content is opaque to the tests. */
  async offsets(): Promise<unknown> {
    return await request('GET', `/${this.name}/offsets`);
  }

  /** Stops the task. Connect then stores its binlog position. */
  async stop(): Promise<void> {
    await request('PUT', `/${this.name}/stop`);
    await this.#untilState('STOPPED');
  }

  /** Sets the stored position. The connector must be stopped. */
  async setOffsets(offsets: unknown): Promise<void> {
    // Connect rejects the request while it still rebalances after the stop, so it is retried.
    await until(
      async () => {
        try {
          await request('PATCH', `/${this.name}/offsets`, offsets);
          return true;
        } catch {
          return false;
        }
      },
      () => `the offsets of ${this.name} to be set`,
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
      () => `the state ${state} of the connector ${this.name}, which is ${seen}`,
    );
  }
}

/** The settings of a shipped file with other names. The shipped settings use the database `shop`. */
function renamed(file: string, {name, database, topic}: ConnectorNames): Config {
  const shipped = JSON.parse(readFileSync(join('connectors', file), 'utf8')) as {config: Config};
  const config = Object.fromEntries(
    Object.entries(shipped.config).map(([setting, value]) => [
      setting,
      value
        .replace('^shop(\\.shop\\.', `^${name}(\\.${database}\\.`)
        .replaceAll('shop\\.shop\\.', `${name}\\.${database}\\.`)
        .replace(/\bshop\.(?=(?:orders|order_items|heartbeat|debezium_signal)\b)/g, `${database}.`),
    ]),
  );
  // Tests read extra columns that the shipped connector does not send.
  delete config['column.include.list'];
  return {
    ...config,
    'database.include.list': database,
    // MySQL treats each connector as a replica, so each one needs a unique server id.
    'database.server.id': String(1_000_000 + (Date.now() % 1_000_000_000)),
    'topic.prefix': name,
    'transforms.route.replacement': topic,
    'topic.creation.events.include': topic.replaceAll('.', '\\.'),
    'schema.history.internal.kafka.topic': `${name}.schema-history`,
  };
}

/** Deletes the connectors of earlier tests, so that they neither read nor write. */
export async function deleteConnectors(): Promise<void> {
  await until(
    async () => {
      try {
        const names = (await request('GET', '')) as string[];
        for (const name of names) await request('DELETE', `/${name}`);
        return true;
      } catch {
        // Connect may still be restarting after an earlier test, or rebalancing.
        return false;
      }
    },
    () => 'the deletion of all connectors',
    60_000,
  );
}
