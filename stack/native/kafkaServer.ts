import {mkdirSync, writeFileSync} from 'node:fs';
import {createConnection} from 'node:net';
import {join} from 'node:path';
import {ROOT, stackFolder} from '../folders.js';
import type {NativeState} from '../stackState.js';
import {dataFolder, type Recipe, type ServerCommand} from './recipe.js';

/** An arbitrary cluster id. Kafka requires 22 characters of base64. */
const CLUSTER_ID = 'b3JkZXItcHJvamVjdG9yMQ';

/**
 * Uses only the JVM's first compiler, so that a server starts faster. With both compilers, Connect processes 1.5 times as many rows per
 * second, takes 3 s longer to start, and needs twice the processor time in its first minute.
 */
export const QUICK_START = '-XX:TieredStopAtLevel=1';

export function kafkaRecipe(state: NativeState): Recipe {
  const data = dataFolder(state, 'kafka');
  mkdirSync(data, {recursive: true});
  const file = join(stackFolder(state.name), 'kafka.properties');
  writeFileSync(file, propertiesText(brokerProperties(state, data)));
  return {
    name: 'kafka',
    port: state.ports.kafka,
    prepare: [
      javaCommand(state, [
        QUICK_START,
        '-Xmx128m',
        'kafka.tools.StorageTool',
        'format',
        '-t',
        CLUSTER_ID,
        '-c',
        file,
      ]),
    ],
    command: javaCommand(state, [QUICK_START, '-Xms256m', '-Xmx512m', 'kafka.Kafka', file]),
    probe: () => portAnswers(state.ports.kafka),
  };
}

function brokerProperties(state: NativeState, data: string): Record<string, string | number> {
  const broker = `PLAINTEXT://127.0.0.1:${state.ports.kafka}`;
  const controller = `CONTROLLER://127.0.0.1:${state.controllerPort}`;
  const detour = state.kafkaDetour;
  return {
    'node.id': 1,
    'process.roles': 'broker,controller',
    'controller.quorum.voters': `1@127.0.0.1:${state.controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,DETOUR:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    // A broker returns the advertised address of the listener that the client used. So a client behind a proxy keeps using it.
    listeners: [broker, controller, ...(detour ? [`DETOUR://127.0.0.1:${detour.target}`] : [])].join(','),
    'advertised.listeners': [broker, ...(detour ? [`DETOUR://127.0.0.1:${detour.listen}`] : [])].join(','),
    'log.dirs': data,
    // A missing topic must be an error. Kafka must not create it with one partition.
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    // A broker that restarts after SIGKILL waits until its earlier session has expired, so the session is short.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    // Tests use short consumer sessions, so that Kafka notices a killed worker soon.
    'group.min.session.timeout.ms': 1000,
    'message.max.bytes': 4_194_304,
    'num.network.threads': 2,
    'num.io.threads': 4,
  };
}

export function javaCommand(state: NativeState, args: string[]): ServerCommand {
  const jars = join(state.install.kafkaFolder, '*');
  const logging = join(ROOT, 'stack', 'native', 'log4j2.yaml');
  return {
    program: state.install.java,
    args: [
      '-XX:+UseSerialGC',
      '-Xshare:auto',
      '-Djava.awt.headless=true',
      `-Dlog4j2.configurationFile=${logging}`,
      '-cp',
      jars,
      ...args,
    ],
    cwd: stackFolder(state.name),
  };
}

export function propertiesText(properties: Record<string, string | number>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${String(value).replaceAll('\\', '\\\\')}\n`)
    .join('');
}

/** The broker is ready when its port is open, because it opens the port last. */
function portAnswers(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({host: '127.0.0.1', port});
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
