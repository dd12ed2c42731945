/** Recreates the read model, for `projector rebuild` and `projector sync`: from the topic, or from MySQL. */
import type {ReplacementAnswer} from '../answers/operations.js';
import {readSourceTables} from '../../upstream/sourceTables.js';
import {randomUUID} from 'node:crypto';
import type {ReadModel} from '../../apply/readModel.js';
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {MysqlClient} from '../../clients/mysql.js';
import {kafkaSettings, mysqlSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import type {ProjectorError} from '../../runtime/errors.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {
  loadFromMysql,
  startEmpty,
  type BaseDeps,
  type LoadedRows,
} from '../../operations/rebuild/initialLoad.js';
import type {Follower} from '../../operations/rebuild/follower.js';
import {grouped} from '../../operations/rebuild/progress.js';
import {Replacement, type Replaced, type ReplacementEvent} from '../../operations/rebuild/replacement.js';
import {contentOf} from '../../operations/rebuild/stagingDatabase.js';
import {followLog} from '../../operations/rebuild/followTopic.js';
import {interruptible} from '../terminal/interruption.js';
import type {Output} from '../terminal/output.js';
import {newProgressLine, type ProgressLine} from '../terminal/progressLine.js';
import {layoutText, newReadModel, checkTopic} from '../preflight.js';
import {LoadProgress} from './loadProgress.js';
import {isRepaired, loadModel, newLock, requireWholeTopic} from './staging.js';
import {newWorkplace, type Workplace} from './workplace.js';
import {orderPartitionsOf} from './orderPartitions.js';
import type {ReplaceOptions} from './options.js';
import {warnOfSilentChanges} from '../silentChanges.js';
import {untilReachable} from '../start.js';
import {mysqlVisible} from '../visibility.js';
import {counted} from '../../runtime/counted.js';

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
  readonly #place: Workplace;
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
    this.#place = newWorkplace(config, options);
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
      if (this.#options.dryRun) return await this.#rehearse(partitions);
      const startedMs = systemClock.nowMs();
      return await interruptible(this.#line, async (signal) => {
        const replaced = await this.#replacement(partitions).then(async (work) => await work.run(signal));
        this.#printResult(replaced, systemClock.nowMs() - startedMs);
        return EXIT.ok;
      });
    } finally {
      this.#place.close();
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
    await this.#place.connect();
    await newReadModel(this.#config, this.#place.staging, {partitions, runId: this.#id}).requireRights(
      partitions,
    );
    return partitions;
  }

  async #rehearse(partitions: number): Promise<number> {
    await this.#place.requireReplaceable();
    const staging = this.#place.content(partitions);
    await staging.requireUsable();
    const mark = await staging.mark();
    let records = 0n;
    for (const {low, high} of (await this.#topic.ranges()).values()) records += high - low;
    const found = mark === '' ? this.#place.empty : contentOf(mark);
    this.#output.note(
      `${this.#place.staging.address} ${found}; the topic holds ${counted(grouped(records), 'record')}`,
    );
    this.#output.note('nothing was done (--dry-run)');
    return EXIT.ok;
  }

  async #replacement(partitions: number): Promise<Replacement> {
    const place = this.#place;
    const {staging, live} = place;
    // After the cutover, the audit repairs what this run could not build (a TRUNCATE).
    const isAudited = live !== null && (await isRepaired(live, place.sharedPrefix));
    const model = newReadModel(this.#config, staging, {partitions, runId: this.#id, isAudited});
    const layouts = await staging.getAll(place.layoutKeys(partitions));
    const layout = layoutText(this.#config, partitions);
    const lock = newLock(live ?? staging, {id: this.#id, command: this.#kind}, this.#config);
    return new Replacement({
      lock,
      prefix: this.#config.keyPrefix,
      live: place.swapped,
      id: this.#id,
      mark: this.#kind,
      staging: place.content(partitions),
      // A run that began with another layout cannot be resumed, because its data has another form (I13).
      mayResume: !this.#options.restart && layouts.every((stored) => stored === null || stored === layout),
      load: async (signal) => await this.#load(model, signal),
      follow: () => this.#follow(model, partitions),
      cutover: place.cutover({
        lockText: lock.text,
        id: this.#id,
        mark: this.#kind,
        positionKeys: model.positions.keys(partitions),
        layout,
        ranges: async () => await this.#topic.ranges(),
        begun: () => void (this.#isSwitched = true),
        progress: (text) => this.#line.show(text),
      }),
      clock: systemClock,
      notify: (event) => this.#notify(event),
    });
  }

  async #load(model: ReadModel, signal: AbortSignal): Promise<void> {
    const {chunkOrdersMax, mysqlUrl} = this.#config;
    const base: BaseDeps = {
      ranges: async () => await this.#whenReachable(async () => await this.#topic.ranges()),
      model: loadModel(model, this.#place.staging, this.#place.keys),
      clock: systemClock,
      id: this.#id,
    };
    if (this.#mysql === null || mysqlUrl === undefined) {
      // No order is written. In the layout `partitioned`, each partition still needs its own writer.
      const isSingle = this.#config.redisLayout === 'single';
      await startEmpty({...base, partitionOf: isSingle ? undefined : () => 0});
      return;
    }
    const servers = {topic: this.#topic, mysql: this.#mysql};
    const visible = mysqlVisible(servers, (text) => this.#line.note(text));
    const tables = await readSourceTables(this.#mysql, sourceSchema(this.#config));
    const partitionOf = await orderPartitionsOf(this.#config, {topic: this.#topic, tables});
    const deps = {...base, partitionOf, chunkOrdersMax, visible, mysql: this.#mysql, tables};
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

  #notify(event: ReplacementEvent): void {
    if (event.kind === 'switched') this.#isSwitched = true;
    // In the layout `partitioned`, the cutover itself removes the old content.
    if (event.kind === 'removed' && event.keys === 0) return;
    this.#line.note(eventLine(event, this.#place.staging.address));
  }

  #printResult({records, resumed}: Replaced, tookMs: number): void {
    const seconds = tookMs / 1_000;
    this.#line.clear();
    if (this.#options.json) {
      const {address} = this.#place.live ?? this.#place.staging;
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
    case 'restarted':
      return 'an earlier run ended during its cutover: its rest is discarded, and this run starts again';
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
