/** Where `projector rebuild` and `projector sync` build the new read model, and how it replaces the live one: in each layout of the keys. */
import {RedisClient} from '../../clients/redis/client.js';
import {databaseOf} from '../../clients/redis/redisUrl.js';
import {redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {Cutover, type CutoverPlan} from '../../operations/rebuild/cutover.js';
import {
  PartitionedCutover,
  type PartitionedCutoverPlan,
} from '../../operations/rebuild/partitionedCutover.js';
import {PartitionedStaging} from '../../operations/rebuild/partitionedStaging.js';
import type {ReplacementDeps} from '../../operations/rebuild/replacement.js';
import {ADOPT_RIGHTS_SCRIPT, CUTOVER_RIGHTS_SCRIPT} from '../../operations/rebuild/scripts.js';
import {
  requireNoForeignKeys,
  StagingDatabase,
  type Staging,
} from '../../operations/rebuild/stagingDatabase.js';
import {keySpace, stagingSpace, type KeySpace} from '../../redis-model/keys.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {targetOf, type ReplaceOptions} from './options.js';
import {stagingUrl} from './staging.js';

type WorkConfig = ConfigWith<'brokers' | 'redisUrl'>;

/** What a cutover needs of the run. */
export type CutoverParts = Pick<CutoverPlan, 'lockText' | 'positionKeys' | 'ranges'> &
  Pick<PartitionedCutoverPlan, 'id' | 'mark' | 'layout' | 'begun' | 'progress'>;

export interface Workplace {
  /** Receives the new read model. */
  readonly staging: RedisClient;
  /** The Redis of the readers, whose content is replaced. Null with `--target`. */
  readonly live: RedisClient | null;
  /** The database that is swapped. Null without a swap. */
  readonly swapped: RedisClient | null;
  /** The keys of the new read model. */
  readonly keys: KeySpace;
  /** The prefix of the live keys that all partitions share. */
  readonly sharedPrefix: string;
  /** How `staging` is without the data of a run, as the end of a sentence. */
  readonly empty: string;
  /** Connects, and checks the servers and the rights for the cutover. */
  connect(): Promise<void>;
  close(): void;
  /** Rejects with `rebuild-refused` if the live content cannot be replaced. */
  requireReplaceable(): Promise<void>;
  layoutKeys(partitions: number): string[];
  content(partitions: number): Staging;
  cutover(parts: CutoverParts): ReplacementDeps['cutover'];
}

export function newWorkplace(config: WorkConfig, options: ReplaceOptions): Workplace {
  return config.redisLayout === 'single' ? new TwoDatabases(config, options) : new OneKeySpace(config);
}

/** The layout `single`: a staging database that is swapped with the live one, or another Redis without a swap. */
class TwoDatabases implements Workplace {
  readonly staging: RedisClient;
  readonly live: RedisClient | null;
  readonly keys: KeySpace;
  readonly sharedPrefix: string;
  readonly empty = 'is empty';
  readonly #config: WorkConfig;

  constructor(config: WorkConfig, options: ReplaceOptions) {
    const target = targetOf(options);
    this.#config = config;
    this.live = target === undefined ? new RedisClient(redisSettings(config)) : null;
    this.staging = new RedisClient(redisSettings(config, target ?? stagingUrl(config)));
    this.keys = keySpace('single', config.keyPrefix);
    this.sharedPrefix = config.keyPrefix;
  }

  get swapped(): RedisClient | null {
    return this.live;
  }

  async connect(): Promise<void> {
    for (const redis of [this.staging, this.live]) {
      await redis?.connect();
      await redis?.requireSuitable();
    }
    const {redisUrl, stagingDatabase} = this.#config;
    const databases = [databaseOf(redisUrl), stagingDatabase].map(String);
    await this.live?.run(CUTOVER_RIGHTS_SCRIPT, this.keys.shared.rebuildLock, databases);
  }

  close(): void {
    this.live?.close();
    this.staging.close();
  }

  async requireReplaceable(): Promise<void> {
    if (this.live !== null) await requireNoForeignKeys(this.live, this.#config.keyPrefix);
  }

  layoutKeys(): string[] {
    return [this.keys.shared.layout];
  }

  content(): Staging {
    return new StagingDatabase(this.staging, this.#config.keyPrefix);
  }

  cutover({lockText, id, mark, positionKeys, ranges}: CutoverParts): ReplacementDeps['cutover'] {
    if (this.live === null) return null;
    const {redisUrl, stagingDatabase} = this.#config;
    const {rebuildLock: lockKey, stagingMark: markKey} = this.keys.shared;
    const databases = {liveDatabase: databaseOf(redisUrl), stagingDatabase};
    const marks = {markKey, mark, discardMark: `discard ${id}`};
    const plan = {lockKey, lockText, holder: id, ...databases, ...marks, positionKeys, ranges};
    return new Cutover(this.live, plan, systemClock);
  }
}

/** The layout `partitioned`: staging keys in the slots of the live ones. */
class OneKeySpace implements Workplace {
  readonly staging: RedisClient;
  readonly swapped = null;
  readonly keys: KeySpace;
  readonly sharedPrefix: string;
  readonly empty = 'holds no unfinished run';
  readonly #live: KeySpace;
  readonly #config: WorkConfig;

  constructor(config: WorkConfig) {
    this.#config = config;
    this.staging = new RedisClient(redisSettings(config));
    this.keys = stagingSpace(config.keyPrefix);
    this.#live = keySpace('partitioned', config.keyPrefix);
    this.sharedPrefix = this.#live.sharedPrefix;
  }

  get live(): RedisClient {
    return this.staging;
  }

  async connect(): Promise<void> {
    await this.staging.connect();
    await this.staging.requireSuitable();
    const places = [
      [this.#live.shared.rebuildLock, this.sharedPrefix, this.keys.sharedPrefix],
      [this.#live.partition(0).layout, this.#live.prefixOf(0), this.keys.prefixOf(0)],
    ] as const;
    for (const [key, ...prefixes] of places) await this.staging.run(ADOPT_RIGHTS_SCRIPT, key, prefixes);
  }

  close(): void {
    this.staging.close();
  }

  async requireReplaceable(): Promise<void> {
    await Promise.resolve();
  }

  layoutKeys(partitions: number): string[] {
    return Array.from({length: partitions}, (_, partition) => this.keys.partition(partition).layout);
  }

  content(partitions: number): Staging {
    return new PartitionedStaging(this.staging, this.#config.keyPrefix, partitions);
  }

  cutover({positionKeys, ...parts}: CutoverParts): ReplacementDeps['cutover'] {
    const {keyPrefix: prefix, topic} = this.#config;
    const lockKey = this.#live.shared.rebuildLock;
    const plan = {...parts, lockKey, prefix, topic, partitions: positionKeys.length};
    return new PartitionedCutover(this.staging, plan, systemClock);
  }
}
