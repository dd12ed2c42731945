/** A connector as Kafka Connect's REST interface shows it. */
import {applyConnectorVariant, testStack, type ConnectorVariant} from './stack.js';
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

export class Connector {
  readonly name: string;
  readonly topic: string;

  private constructor({name, topic}: Pick<ConnectorVariant, 'name' | 'topic'>) {
    this.name = name;
    this.topic = topic;
  }

  /** The one of the stack. */
  static ofStack(): Connector {
    return new Connector({name: 'shop-orders', topic: testStack().env.topic});
  }

  /** From a shipped file, under names of its own that begin with `label`. */
  static apply(file: ConnectorVariant['file'], label: string, serverId: number): Connector {
    const name = `${label}-${Date.now().toString(36)}`;
    const variant = {file, name, topicPrefix: name, topic: `${name}.order-events`, serverId};
    const {status, stderr} = applyConnectorVariant(variant);
    if (status !== 0) throw new Error(`connector apply: ${stderr}`);
    return new Connector(variant);
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
