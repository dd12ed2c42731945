/**
 * A Kafka cluster of two brokers, one of which can be killed. The first broker is the controller and has the consumer groups. Native stacks
 * only.
 */
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {javaCommand, propertiesText} from '../../stack/native/kafkaServer.js';
import {parentDeathPrefix, ServerProcess} from '../../stack/native/serverProcess.js';
import {freePorts} from '../../stack/ports.js';
import {readState, type NativeState} from '../../stack/stackState.js';
import {endOffsets, withAdmin} from './kafka.js';
import {testStack} from './stack.js';
import {until} from './until.js';

const CLUSTER_ID = 'b3JkZXItcHJvamVjdG9yMQ';

export class KafkaPair implements AsyncDisposable {
  /** The addresses of both brokers. */
  readonly brokers: readonly string[];
  readonly #first: ServerProcess;
  readonly #second: ServerProcess;
  readonly #home: string;

  private constructor(
    brokers: readonly string[],
    servers: {first: ServerProcess; second: ServerProcess; home: string},
  ) {
    this.brokers = brokers;
    this.#first = servers.first;
    this.#second = servers.second;
    this.#home = servers.home;
  }

  static async open(): Promise<KafkaPair> {
    const state = readState(testStack().name) as NativeState;
    const home = mkdtempSync(join(tmpdir(), 'order-projector-kafka-'));
    const [controller = 0, ...ports] = await freePorts(3);
    const prefix = await parentDeathPrefix();
    const server = (node: number): ServerProcess => {
      const port = ports[node - 1] ?? 0;
      const file = join(home, `kafka-${node}.properties`);
      writeFileSync(
        file,
        propertiesText(properties({node, port, controller, data: join(home, `data-${node}`)})),
      );
      const java = ['-XX:TieredStopAtLevel=1', '-Xmx256m'];
      return new ServerProcess(
        {
          name: 'kafka',
          port,
          prepare: [
            javaCommand(state, [...java, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file]),
          ],
          command: javaCommand(state, [...java, 'kafka.Kafka', file]),
          probe: async () => {
            await withAdmin(async (admin) => await admin.listTopics(), [`127.0.0.1:${port}`]);
          },
        },
        join(home, `kafka-${node}.log`),
        prefix,
      );
    };
    const servers = {first: server(1), second: server(2), home};
    const pair = new KafkaPair(
      ports.map((port) => `127.0.0.1:${port}`),
      servers,
    );
    try {
      await Promise.all([servers.first.prepare(), servers.second.prepare()]);
      servers.first.start();
      await servers.first.whenReady();
      // This creates the topic of the consumer groups while there is only one broker.
      await until(
        async () =>
          await withAdmin(
            async (admin) => await admin.describeGroups(['any']),
            pair.brokers.slice(0, 1),
          ).catch(() => undefined),
        () => 'the coordinator of the consumer groups',
      );
      await pair.startSecond();
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
    return pair;
  }

  /** Creates a topic. `leaders` has the node id of the only replica of each partition: 1 or 2. */
  async createTopic(topic: string, leaders: readonly number[]): Promise<void> {
    await withAdmin(
      async (admin) =>
        await admin.createTopics({
          waitForLeaders: false,
          topics: [
            {
              topic,
              replicaAssignment: leaders.map((leader, partition) => ({partition, replicas: [leader]})),
            },
          ],
        }),
      this.brokers,
    );
    await endOffsets(topic, this.brokers);
  }

  async startSecond(): Promise<void> {
    this.#second.start();
    await this.#second.whenReady();
  }

  async killSecond(): Promise<void> {
    await this.#second.end('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#first.end('SIGKILL'), this.#second.end('SIGKILL')]);
    rmSync(this.#home, {recursive: true, force: true});
  }
}

interface Node {
  readonly node: number;
  readonly port: number;
  readonly controller: number;
  readonly data: string;
}

function properties({node, port, controller, data}: Node): Record<string, string | number> {
  const listener = `PLAINTEXT://127.0.0.1:${port}`;
  const isFirst = node === 1;
  return {
    'node.id': node,
    'process.roles': isFirst ? 'broker,controller' : 'broker',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: isFirst ? `${listener},CONTROLLER://127.0.0.1:${controller}` : listener,
    'advertised.listeners': listener,
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
    'num.network.threads': 2,
    'num.io.threads': 2,
  };
}
