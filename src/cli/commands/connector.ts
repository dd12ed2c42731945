/** `projector connector apply|status|restart|delete`: manages the Debezium connector through Kafka Connect. */
import {Option, type Command} from 'commander';
import type {ConnectorAnswer} from '../answers/operations.js';
import {chosenConnector} from '../connectorFile.js';
import {settingsOf, type CommandContext} from '../context.js';
import {ConnectClient, type ConnectorStatus} from '../../clients/connect.js';
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {MysqlClient} from '../../clients/mysql.js';
import {kafkaSettings, mysqlSettings} from '../../config/clientOptions.js';
import type {Config, ConfigWith} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {ProjectorError} from '../../runtime/errors.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {
  ensureTopic,
  requireSameTopic,
  retentionWarning,
  throwIfFailed,
  waitUntilRunning,
  type ConnectorFile,
} from '../../upstream/connector.js';
import type {RecordForm} from '../../upstream/connectorConfig.js';
import type {Output} from '../terminal/output.js';
import {noteUnasked, warnOfSilentChanges} from '../silentChanges.js';
import {untilReachable} from '../start.js';
import {counted} from '../../runtime/counted.js';

const ACTIONS: Record<ConnectorAction, string> = {
  apply: 'create the topic if it is missing, create or update the connector, and wait until it is running',
  status: 'show the state of the connector and its tasks, and the stack trace of a failure. Changes nothing',
  restart: 'restart the connector and its tasks, and wait until they are running',
  delete: 'delete the connector. Its topics and its offsets in Connect are kept',
};

export function addConnector(program: Command, command: CommandContext): void {
  const connectors = program
    .command('connector')
    .description('manage the Debezium connector through Kafka Connect');
  for (const [action, description] of Object.entries(ACTIONS) as [ConnectorAction, string][]) {
    connectors
      .command(action)
      .description(description)
      .option(
        '--file <path>',
        'path of a connector file. Default: the connector that follows from the settings',
      )
      .addOption(formOption())
      .option('--json', 'print JSON', false)
      .action(async ({file, form, json}: {file?: string; form?: RecordForm; json: boolean}) => {
        const config = settingsOf(command, ['connectUrl']);
        command.end(await connector(action, {file, form, json}, {config, output: command.output}));
      });
  }
  connectors
    .command('print')
    .description(
      'print the connector that follows from the settings, in the form of the REST API of Kafka Connect',
    )
    .addOption(formOption())
    .action(({form}: {form?: RecordForm}) => {
      const config = settingsOf(command, []);
      requireDatabase(undefined, config);
      const file = chosenConnector({file: undefined, form}, config);
      command.output.line(JSON.stringify(file, null, 2));
      command.end(EXIT.ok);
    });
}

/** Without a database, the connector would read that of the example. */
function requireDatabase(file: string | undefined, config: Config): void {
  if (file !== undefined || sourceSchema(config).database !== undefined) return;
  throw new ProjectorError(
    'config-invalid',
    'SOURCE_DATABASE is not set (required to generate the connector. Example: SOURCE_DATABASE=shop)',
  );
}

function formOption(): Option {
  return new Option('--form <form>', 'form of the records: the full envelope of Debezium, or the row alone')
    .choices(['envelope', 'compact'])
    .default('envelope');
}

export interface ConnectorOptions {
  readonly file: string | undefined;
  readonly form?: RecordForm | undefined;
  readonly json: boolean;
}

export type ConnectorAction = 'apply' | 'status' | 'restart' | 'delete';

export async function connector(
  action: ConnectorAction,
  options: ConnectorOptions,
  {config, output}: {config: ConfigWith<'connectUrl'>; output: Output},
): Promise<number> {
  if (action === 'apply') requireDatabase(options.file, config);
  const file = chosenConnector(options, config);
  const connect = new ConnectClient(config.connectUrl);
  const start = {
    clock: systemClock,
    timeoutMs: config.startTimeoutMs,
    notify: (error: ProjectorError) => output.note(`waiting: ${error.detail}`),
  };
  let before: ConnectorStatus | undefined;
  switch (action) {
    case 'apply': {
      before = await statusBefore(connect, file);
      await warnBeforeApply(config, output);
      await applyConnector(file, {config, output, connect});
      break;
    }
    case 'restart': {
      before = await statusBefore(connect, file);
      if (!(await untilReachable(start, async () => await connect.restart(file.name, 'all'))))
        throw unknownConnector(file);
      break;
    }
    case 'delete': {
      if (!(await untilReachable(start, async () => await connect.delete(file.name))))
        throw unknownConnector(file);
      output.note(`connector ${file.name} deleted; its topics and its offsets in Connect are kept`);
      return EXIT.ok;
    }
    case 'status': {
      const status = await untilReachable(start, async () => await connect.status(file.name));
      if (status === undefined) throw unknownConnector(file);
      print(file, status, {options, output});
      throwIfFailed(file.name, status);
      return EXIT.ok;
    }
  }
  const status = await waitUntilRunning(connect, file.name, {
    clock: systemClock,
    timeoutMs: Math.max(config.startTimeoutMs, 20_000),
    before,
  });
  print(file, status, {options, output});
  return EXIT.ok;
}

/**
 * Resolves with the status before a change, because Connect still returns the old status for a while after the change. It is
 * undefined if the request fails. The error is not reported here, because the change itself fails for the same reason.
 */
async function statusBefore(
  connect: ConnectClient,
  file: ConnectorFile,
): Promise<ConnectorStatus | undefined> {
  return await connect.status(file.name).catch(() => undefined);
}

/** The warnings come before the snapshot of the connector, which is an initial load too. */
async function warnBeforeApply(config: Config, output: Output): Promise<void> {
  const {mysqlUrl} = config;
  if (mysqlUrl === undefined) return;
  const note = (text: string): void => output.note(text);
  let mysql: MysqlClient | undefined;
  try {
    mysql = new MysqlClient(mysqlSettings(config, mysqlUrl));
    await mysql.connect();
    await warnOfSilentChanges(mysql, sourceSchema(config), note);
  } catch (error) {
    noteUnasked(error, note);
  } finally {
    mysql?.close();
  }
}

async function applyConnector(
  file: ConnectorFile,
  {config, output, connect}: {config: ConfigWith<'connectUrl'>; output: Output; connect: ConnectClient},
): Promise<void> {
  const {brokers, topic: topicName} = config;
  if (brokers === undefined) {
    throw new ProjectorError(
      'config-invalid',
      'KAFKA_BROKERS is not set (required to create the topic. Example: KAFKA_BROKERS=kafka:9092)',
    );
  }
  requireSameTopic(file, topicName);
  const notify = (error: ProjectorError): void => output.note(`waiting: ${error.detail}`);
  const start = {clock: systemClock, timeoutMs: config.startTimeoutMs, notify};
  const topic = new KafkaTopic(kafkaSettings({...config, brokers}), topicName);
  try {
    const wanted = {partitions: config.topicPartitions, replicationFactor: config.topicReplication};
    const isNew = await untilReachable(start, async () => await ensureTopic(topic, wanted));
    const warning = await untilReachable(start, async () => await retentionWarning(topic));
    if (warning !== undefined) output.note(`warning: ${warning}`);
    if (isNew) output.note(`topic ${topicName} created with ${counted(config.topicPartitions, 'partition')}`);
  } finally {
    await topic.close();
  }
  await untilReachable(start, async () => await connect.apply(file.name, file.config));
  // Connect restarts nothing if the configuration is unchanged. So a connector or task in state FAILED is restarted explicitly.
  await untilReachable(start, async () => await connect.restart(file.name, 'failed'));
}

function print(
  file: ConnectorFile,
  status: ConnectorStatus,
  {options, output}: {options: ConnectorOptions; output: Output},
): void {
  const tasks = status.tasks.map(({id, state}) => ({id, state}));
  const answer: ConnectorAnswer = {name: file.name, state: status.state, tasks};
  if (options.json) output.line(JSON.stringify(answer));
  else
    output.line(
      `connector ${file.name}: ${status.state}; ${tasks.map(({id, state}) => `task ${id}: ${state}`).join(', ') || 'no tasks'}`,
    );
}

function unknownConnector(file: ConnectorFile): ProjectorError {
  return new ProjectorError('connector-failed', `Kafka Connect has no connector named ${file.name}`);
}
