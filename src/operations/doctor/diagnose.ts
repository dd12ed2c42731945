/** Runs all checks. It asks all servers at the same time, and a question without an answer at the deadline counts as an error. */
import type {Config, ConfigWith} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import type {SourceSchema} from '../../domain/sourceSchema.js';
import {mappedColumns} from '../../upstream/sourceTables.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {tlsMaterials} from '../../config/clientOptions.js';
import {askConnect} from './askConnect.js';
import {askKafka, type KafkaAnswers} from './askKafka.js';
import {askMysql} from './askMysql.js';
import {askHosts, askPort, hostsOf} from './askNetwork.js';
import {askRedis} from './askRedis.js';
import {Questions} from './asking.js';
import {judgeCertificates} from './certificateChecks.js';
import {judged, ok, skipped, warn, type Answer, type Check} from './check.js';
import {connectChecks} from './connectChecks.js';
import {kafkaChecks} from './kafkaChecks.js';
import {mysqlChecks} from './mysqlChecks.js';
import {judgeHosts, judgePort} from './networkChecks.js';
import {redisChecks} from './redisChecks.js';
import {SILENT_CHANGE_CHECKS} from './silentChangeChecks.js';

export interface DoctorContext {
  readonly clock: Clock;
  /** The deadline of all questions to all servers, in ms. */
  readonly limitMs: number;
  /** The name of the connector in the connector file. */
  readonly connectorName: string;
  /** One sentence for each variable that looks like a setting and is none. */
  readonly unknown: readonly string[];
  /** The address of a worker with these settings. Undefined if PROJECTOR_HTTP_PORT is off, or 0 for any free port. */
  readonly workerUrl: string | undefined;
  readonly fetchStatus: (base: string) => Promise<unknown>;
  readonly isWorker: (body: unknown) => boolean;
}

type Settings = ConfigWith<'brokers' | 'redisUrl'>;

export async function diagnose(config: Settings, around: DoctorContext): Promise<Check[]> {
  const questions = new Questions(around.clock, around.limitMs);
  try {
    const kafka = askKafka(config, questions, around.limitMs);
    const [log, redis, ...rest] = await Promise.all([
      kafka.then((answers) => kafkaChecks(answers, {...config, schema: sourceSchema(config)})),
      redisSide(config, questions, {kafka, limitMs: around.limitMs}),
      hostSide(config, questions),
      portSide(questions, around),
      mysqlSide(config, questions),
      connectSide(config, questions, around),
    ]);
    const [hosts, port, mysql, connect] = rest;
    const certificates = judgeCertificates(tlsMaterials(config), around.clock.nowMs());
    const own = [judgeSettings(around.unknown), certificates];
    return [...own, ...hosts, ...port, ...log, ...redis, ...mysql, ...connect];
  } finally {
    questions.end();
  }
}

function judgeSettings(unknown: readonly string[]): Check {
  if (unknown.length === 0) return ok('settings', 'all settings are valid');
  return warn(
    'settings',
    unknown.join('; '),
    'Correct the name, or remove the variable. `projector config` lists all settings.',
  );
}

async function redisSide(
  config: Settings,
  questions: Questions,
  {kafka, limitMs}: {readonly kafka: Promise<KafkaAnswers>; readonly limitMs: number},
): Promise<Check[]> {
  const partitions = kafka.then(({topic}): Answer<number> =>
    topic.kind === 'answer' ? {kind: 'answer', value: topic.value.partitions} : topic,
  );
  const answers = await askRedis(config, questions, {limitMs, partitions});
  return redisChecks(answers, {partitions: await partitions, ranges: (await kafka).ranges}, config);
}

async function hostSide(config: Config, questions: Questions): Promise<Check[]> {
  return [judgeHosts(await askHosts(hostsOf(config), questions))];
}

async function portSide(
  questions: Questions,
  {workerUrl, fetchStatus, isWorker}: DoctorContext,
): Promise<Check[]> {
  if (workerUrl === undefined)
    return [skipped('http', 'PROJECTOR_HTTP_PORT is off or 0, so no port is known')];
  const use = await askPort(questions, async () => await fetchStatus(workerUrl), isWorker);
  return [judged('http', use, (value) => judgePort(workerUrl, value))];
}

async function mysqlSide(config: Config, questions: Questions): Promise<Check[]> {
  const {mysqlUrl} = config;
  if (mysqlUrl !== undefined) return mysqlChecks(await askMysql({...config, mysqlUrl}, questions), config);
  const why =
    'MYSQL_URL is not set: `sync`, `verify` and `dlq replay` from MySQL require it, a worker does not';
  return ['mysql', 'binlog', 'mysql-grants', 'tables', ...SILENT_CHANGE_CHECKS].map((name) =>
    skipped(name, why),
  );
}

async function connectSide(
  config: Config,
  questions: Questions,
  {connectorName: name}: DoctorContext,
): Promise<Check[]> {
  const {connectUrl, topic} = config;
  if (connectUrl !== undefined)
    return connectChecks(await askConnect(connectUrl, questions), {
      topic,
      name,
      columns: neededColumns(sourceSchema(config)),
    });
  const why = 'CONNECT_URL is not set';
  return ['connect', 'connector', 'connector-settings'].map((each) => skipped(each, why));
}

/** Empty if no setting names the database. */
function neededColumns(schema: SourceSchema): string[] {
  const {database, orders, items} = schema;
  if (database === undefined) return [];
  const mapped = mappedColumns(schema);
  return [
    ...mapped.orders.map((column) => `${database}.${orders.table}.${column}`),
    ...mapped.items.map((column) => `${database}.${items.table}.${column}`),
  ];
}
