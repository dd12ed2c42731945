/** Recreates the read model, for `projector rebuild` and `projector sync`: from the topic, or from MySQL. */
import type {ReplacementAnswer} from '../answers/operations.js';
import {readSourceTables} from '../../upstream/sourceTables.js';
import {readFileSync} from 'node:fs';
import {InvalidArgumentError, Option, type Command} from 'commander';
import {randomUUID} from 'node:crypto';
import type {ReadModel} from '../../apply/readModel.js';
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {MysqlClient} from '../../clients/mysql.js';
import {RedisClient} from '../../clients/redis/client.js';
import {databaseOf} from '../../clients/redis/redisUrl.js';
import {kafkaSettings, mysqlSettings, redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {messageOf, ProjectorError} from '../../runtime/errors.js';
import {keysWithPrefix} from '../../redis-model/keys.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {
  loadFromMysql,
  startEmpty,
  type BaseDeps,
  type LoadedRows,
} from '../../operations/rebuild/initialLoad.js';
import type {Follower} from '../../operations/rebuild/follower.js';
import {Cutover} from '../../operations/rebuild/cutover.js';
import {grouped} from '../../operations/rebuild/progress.js';
import {Replacement, type Replaced, type ReplacementEvent} from '../../operations/rebuild/replacement.js';
import {CUTOVER_RIGHTS_SCRIPT} from '../../operations/rebuild/scripts.js';
import {contentOf, requireNoForeignKeys, StagingDatabase} from '../../operations/rebuild/stagingDatabase.js';
import {followLog} from '../../operations/rebuild/followTopic.js';
import {interruptible} from '../terminal/interruption.js';
import type {Output} from '../terminal/output.js';
import {newProgressLine, type ProgressLine} from '../terminal/progressLine.js';
import {layoutText, newReadModel, checkTopic} from '../preflight.js';
import {LoadProgress} from './loadProgress.js';
import {isRepaired, loadModel, newLock, requireWholeTopic, stagingUrl} from './staging.js';
import {warnOfSilentChanges} from '../silentChanges.js';
import {untilReachable} from '../start.js';
import {mysqlVisible} from '../visibility.js';
import {counted} from '../../runtime/counted.js';

/** Where both commands build the read model, for their help. */
export const STAGING =
  'in the staging database, then swap it atomically with the live database. The staging database is ' +
  'REDIS_STAGING_DATABASE of the same Redis. Running workers continue without a restart';

/** Adds the options that both commands have. */
export function withReplaceOptions(command: Command): Command {
  return command
    .option(
      '--target <url>',
      'build the read model in this Redis instead, which must have no readers. There is no swap',
      redisUrl,
    )
    .addOption(
      new Option('--target-file <path>', 'file with the URL of --target, if the URL contains a password')
        .argParser(redisUrlIn)
        .conflicts('target'),
    )
    .option('--restart', 'discard the data of an unfinished run instead of resuming it', false)
    .option(
      '--quarantine',
      'quarantine records that cannot be applied, as a worker does, instead of halting at the first one',
      false,
    )
    .option('--dry-run', 'run the preflight checks only, and change nothing', false)
    .option('--json', 'print the result as JSON', false);
}

/** Every user of the machine can read a command line, so the URL on it must not contain a password. */
function redisUrl(value: string): string {
  if (!/^rediss?:\/\/[^/]/.test(value) || !URL.canParse(value))
    throw new InvalidArgumentError('must be a URL that begins with redis:// or rediss://.');
  // commander would repeat the value in its message.
  if (new URL(value).password !== '')
    throw new ProjectorError(
      'usage',
      '--target must not contain a password: use --target-file, a file with the URL',
    );
  return value;
}

function redisUrlIn(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new InvalidArgumentError(`cannot be read: ${messageOf(error)}`);
  }
  if (/^rediss?:\/\/[^/]/.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError('must name a file with a URL that begins with redis:// or rediss://.');
}

export interface ReplaceOptions {
  /**
   * The Redis to fill, which has no readers. There is no cutover then. If it is undefined, the command fills the staging database
   * and swaps it with the live database.
   */
  readonly target: string | undefined;
  /** The same URL, read from a file. */
  readonly targetFile: string | undefined;
  readonly dryRun: boolean;
  /** Discard the data of an unfinished run instead of resuming it. */
  readonly restart: boolean;
  /** Quarantine bad records as a worker does, instead of halting at the first one. */
  readonly quarantine: boolean;
  readonly json: boolean;
}

export function targetOf({
  target,
  targetFile,
}: Pick<ReplaceOptions, 'target' | 'targetFile'>): string | undefined {
  return target ?? targetFile;
}

export interface ReplaceContext {
  readonly config: ConfigWith<'brokers' | 'redisUrl'>;
  readonly output: Output;
}

export class ReplaceCommand {
  readonly #kind: 'rebuild' | 'sync';
  readonly #options: ReplaceOptions;
  readonly #config: ReplaceContext['config'];
  readonly #output: Output;
  readonly #line: ProgressLine;
  readonly #id = randomUUID().slice(0, 8);
  readonly #topic: KafkaTopic;
  /** The database that receives the new read model: the staging database, or that of `--target`. */
  readonly #staging: RedisClient;
  /** The live database, which is replaced. It is null with `--target`. */
  readonly #live: RedisClient | null;
  readonly #mysql: MysqlClient | null;
  #isSwitched = false;

  constructor(kind: 'rebuild' | 'sync', options: ReplaceOptions, {config, output}: ReplaceContext) {
    this.#kind = kind;
    this.#options = options;
    this.#config = config;
    this.#output = output;
    this.#line = newProgressLine(output);
    const {mysqlUrl} = config;
    this.#topic = new KafkaTopic(kafkaSettings(config), config.topic);
    const target = targetOf(options);
    this.#live = target === undefined ? new RedisClient(redisSettings(config)) : null;
    this.#staging = new RedisClient(redisSettings(config, target ?? stagingUrl(config)));
    this.#mysql =
      kind === 'sync' && mysqlUrl !== undefined ? new MysqlClient(mysqlSettings(config, mysqlUrl)) : null;
  }

  async run(): Promise<number> {
    try {
      const partitions = await this.#whenReachable(async () => {
        const found = await this.#reach();
        if (this.#kind === 'rebuild')
          await requireWholeTopic(this.#topic, 'use `projector sync --replace`, which reads MySQL');
        return found;
      });
      await this.#whenReachable(async () => await this.#mysql?.connect());
      if (this.#mysql !== null)
        await warnOfSilentChanges(this.#mysql, sourceSchema(this.#config), (text) => this.#line.note(text));
      if (this.#options.dryRun) return await this.#rehearse();
      const startedMs = systemClock.nowMs();
      return await interruptible(this.#line, async (signal) => {
        const replaced = await this.#replacement(partitions).then(async (work) => await work.run(signal));
        this.#printResult(replaced, systemClock.nowMs() - startedMs);
        return EXIT.ok;
      });
    } finally {
      this.#live?.close();
      this.#staging.close();
      this.#mysql?.close();
      await this.#topic.close();
    }
  }

  /** Retries `attempt` while a server is unreachable, up to PROJECTOR_START_TIMEOUT_MS, as a worker does at its start. */
  async #whenReachable<T>(attempt: () => Promise<T>): Promise<T> {
    const {startTimeoutMs: timeoutMs} = this.#config;
    const notify = (error: ProjectorError): void => this.#line.note(`waiting: ${error.detail}`);
    return await untilReachable({clock: systemClock, timeoutMs, notify}, attempt);
  }

  /** Runs the preflight checks of topic, databases and rights. Resolves with the number of partitions. */
  async #reach(): Promise<number> {
    const partitions = await checkTopic(this.#config, this.#topic);
    const keys = keysWithPrefix(this.#config.keyPrefix);
    for (const redis of [this.#staging, this.#live]) {
      if (redis === null) continue;
      await redis.connect();
      await redis.requireSuitable();
    }
    const databases = [databaseOf(this.#config.redisUrl), this.#config.stagingDatabase].map(String);
    await this.#live?.run(CUTOVER_RIGHTS_SCRIPT, keys.rebuildLock, databases);
    await newReadModel(this.#config, this.#staging, {partitions, runId: this.#id}).requireRights(partitions);
    return partitions;
  }

  async #rehearse(): Promise<number> {
    const {keyPrefix} = this.#config;
    if (this.#live !== null) await requireNoForeignKeys(this.#live, keyPrefix);
    const staging = new StagingDatabase(this.#staging, keyPrefix);
    await staging.requireUsable();
    const mark = await staging.mark();
    let records = 0n;
    for (const {low, high} of (await this.#topic.ranges()).values()) records += high - low;
    const found = mark === '' ? 'is empty' : contentOf(mark);
    this.#output.note(
      `${this.#staging.address} ${found}; the topic holds ${counted(grouped(records), 'record')}`,
    );
    this.#output.note('nothing was done (--dry-run)');
    return EXIT.ok;
  }

  async #replacement(partitions: number): Promise<Replacement> {
    const {keyPrefix: prefix} = this.#config;
    const keys = keysWithPrefix(prefix);
    // After the cutover, the audit repairs what this run could not build (a TRUNCATE).
    const isAudited = this.#live !== null && (await isRepaired(this.#live, prefix));
    const model = newReadModel(this.#config, this.#staging, {partitions, runId: this.#id, isAudited});
    const [layout] = await this.#staging.getAll([keys.layout]);
    const lock = newLock(this.#live ?? this.#staging, {id: this.#id, command: this.#kind}, this.#config);
    return new Replacement({
      lock,
      prefix,
      live: this.#live,
      id: this.#id,
      mark: this.#kind,
      staging: new StagingDatabase(this.#staging, prefix),
      // A run that began with another layout cannot be resumed, because its data has another form (I13).
      mayResume:
        !this.#options.restart && (layout === null || layout === layoutText(this.#config, partitions)),
      load: async (signal) => await this.#load(model, signal),
      follow: () => this.#follow(model, partitions),
      cutover: this.#cutover(lock.text, model, partitions),
      clock: systemClock,
      notify: (event) => this.#notify(event),
    });
  }

  async #load(model: ReadModel, signal: AbortSignal): Promise<void> {
    const {chunkOrdersMax, keyPrefix, mysqlUrl} = this.#config;
    const base: BaseDeps = {
      ranges: async () => await this.#whenReachable(async () => await this.#topic.ranges()),
      model: loadModel(model, this.#staging, keyPrefix),
      clock: systemClock,
      id: this.#id,
    };
    if (this.#mysql === null || mysqlUrl === undefined) {
      await startEmpty(base);
      return;
    }
    const servers = {topic: this.#topic, mysql: this.#mysql};
    const visible = mysqlVisible(servers, (text) => this.#line.note(text));
    const tables = await readSourceTables(this.#mysql, sourceSchema(this.#config));
    const deps = {...base, chunkOrdersMax, visible, mysql: this.#mysql, tables};
    const shown = new LoadProgress(this.#line, new MysqlClient(mysqlSettings(this.#config, mysqlUrl)));
    void shown.count(tables);
    const progress = (loaded: LoadedRows): void => shown.show(loaded, systemClock.nowMs());
    const loading = loadFromMysql({...deps, progress}, signal).finally(() => shown.end());
    const {orders, items: lines} = await loading;
    const {address} = this.#mysql;
    this.#line.note(
      `${counted(grouped(BigInt(orders)), 'order')} and ${counted(grouped(BigInt(lines)), 'line item')} were read from ${address}`,
    );
  }

  #follow(model: ReadModel, partitions: number): Follower {
    const quarantineMax = this.#options.quarantine ? this.#config.quarantineMax : 0;
    return followLog({
      config: {...this.#config, quarantineMax},
      model,
      partitions,
      topic: this.#topic,
      id: this.#id,
      say: (text) => {
        // After the cutover, the staging database holds the old content. The messages of the worker about it are not printed.
        if (!this.#isSwitched) this.#line.note(text);
      },
      show: (text, head) => this.#line.show(text, head),
    });
  }

  #cutover(lockText: string, model: ReadModel, partitions: number): Cutover | null {
    if (this.#live === null) return null;
    const {keyPrefix, redisUrl, stagingDatabase} = this.#config;
    const keys = keysWithPrefix(keyPrefix);
    const plan = {
      lockKey: keys.rebuildLock,
      lockText,
      holder: this.#id,
      liveDatabase: databaseOf(redisUrl),
      stagingDatabase,
      markKey: keys.stagingMark,
      mark: this.#kind,
      discardMark: `discard ${this.#id}`,
      positionKeys: model.positions.keys(partitions),
      ranges: async () => await this.#topic.ranges(),
    };
    return new Cutover(this.#live, plan, systemClock);
  }

  #notify(event: ReplacementEvent): void {
    if (event.kind === 'switched') this.#isSwitched = true;
    this.#line.note(eventLine(event, this.#staging.address));
  }

  #printResult({records, resumed}: Replaced, tookMs: number): void {
    const seconds = tookMs / 1_000;
    this.#line.clear();
    if (this.#options.json) {
      const {address} = this.#live ?? this.#staging;
      const sums = {records: String(records), resumed, seconds};
      const answer: ReplacementAnswer = {command: this.#kind, redis: address, ...sums};
      this.#output.line(JSON.stringify(answer));
    } else this.#output.line(`${this.#kind} done in ${seconds.toFixed(1)} s`);
  }
}

function eventLine(event: ReplacementEvent, stagingAddress: string): string {
  switch (event.kind) {
    case 'resumed':
      return `resuming the unfinished run with the data in ${stagingAddress}`;
    case 'caught-up':
      return `caught up with the topic: ${counted(grouped(event.reached.doneRecords), 'record')}`;
    case 'retried':
      return 'the cutover took too long and was undone; retrying it';
    case 'switched':
      return `cutover done: readers see the new content; workers paused for ${event.pauseMs} ms`;
    case 'removed':
      return `the old content was removed: ${counted(grouped(BigInt(event.keys)), 'key')}`;
  }
}
