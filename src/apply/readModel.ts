/**
 * The read model of one topic in Redis, as a worker writes it: patches in, positions out.
 *
 * I1: only the apply script moves a position. The one other write of this class puts a position back in place of an expired fence,
 * and does not change the position (I15).
 */
import type {Script} from '../clients/redis/client.js';
import {assert} from '../runtime/assert.js';
import {asProjectorError, ProjectorError} from '../runtime/errors.js';
import {parseFence} from '../redis-model/fence.js';
import {keySpace, type KeySpace} from '../redis-model/keys.js';
import {requireSameLayout} from '../redis-model/layout.js';
import {offsetsOf} from '../redis-model/quarantineEntry.js';
import {StoredPositions, type StringReader} from '../redis-model/storedPositions.js';
import {partsOf} from './parts.js';
import type {ReportFeed} from './reportFeed.js';
import {Reports, type MergeHost} from './reports.js';
import {Slots} from './slots.js';
import {isLoaded, LOAD_SCRIPT, loadArguments, type LoadRequest} from './loadScript.js';
import {
  APPLY_SCRIPT,
  NO_OUTBOX,
  parseReply,
  RELEASE_SCRIPT,
  RIGHTS_SCRIPT,
  scriptArguments,
  type ApplyOutcome,
  type ApplyRequest,
  type ScriptSettings,
} from './script.js';

/** The part of the Redis client that the read model needs (clients/redis/client.ts). */
export interface ScriptHost extends StringReader {
  /** Runs a script on one key. If the promise rejects, it is unknown whether the script ran (I4). */
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
  /** Names of the fields of a hash. */
  hashFields(key: string): Promise<string[]>;
}

/**
 * Scripts of one worker at Redis at a time (L1): one runs, and one waits. More would finish no sooner, and every other client of that
 * Redis would wait for all of them.
 */
const SCRIPTS_MAX = 2;

/** A read model in the layout `partitioned`. */
export interface Sharding {
  /** The keys of readers, or those of a read model that is being built (keys.ts). */
  readonly keys: KeySpace;
  /** The number of servers that run scripts at the same time. */
  readonly servers: number;
  /**
   * Merges the partitions into counters and reports; `processId` identifies this process and contains no blanks. Undefined: the differences of
   * counters and reports are dropped, and this process sees to it that both become right (operations/rebuild/reports.ts).
   */
  readonly merging?: {readonly redis: MergeHost; readonly processId: string} | undefined;
}

export interface ReadModelSettings extends ScriptSettings {
  /** Undefined in the layout `single`. */
  readonly sharding?: Sharding | undefined;
}

export class ReadModel {
  readonly positions: StoredPositions;
  /** A partition takes a slot before it builds a chunk, and releases it after the reply to the script. */
  readonly slots: Slots;
  /** Merges the partitions into counters and reports. Undefined in the layout `single`, in which the apply script writes both. */
  readonly reports: Reports | undefined;
  readonly #redis: ScriptHost;
  readonly #topic: string;
  readonly #settings: ScriptSettings;
  readonly #keys: KeySpace;
  readonly #isPartitioned: boolean;
  readonly #dropsReports: boolean;
  /** Names chunks that are applied in parts. */
  #chunks = 0;

  constructor(redis: ScriptHost, topic: string, {sharding, ...settings}: ReadModelSettings) {
    this.#keys = sharding?.keys ?? keySpace('single', settings.prefix);
    this.#dropsReports = sharding !== undefined && sharding.merging === undefined;
    this.#isPartitioned = sharding !== undefined;
    this.positions = new StoredPositions(redis, topic, this.#keys);
    this.slots = new Slots(SCRIPTS_MAX * (sharding?.servers ?? 1));
    this.#redis = redis;
    this.#topic = topic;
    this.#settings = settings;
    if (sharding?.merging === undefined) return;
    const {redis: host, processId} = sharding.merging;
    this.reports = new Reports(host, {keys: this.#keys, layout: settings.layout, processId});
  }

  /**
   * Applies one chunk, or nothing. If the promise rejects, it is unknown which of both happened (I4). A read model that is being built can
   * receive a part of a chunk (parts.ts). The next chunk of the partition must wait for the reply.
   */
  async apply(partition: number, request: ApplyRequest, feed?: ReportFeed): Promise<ApplyOutcome> {
    if (this.reports !== undefined) return await this.#applyToOutbox(partition, request, feed);
    const {inParts} = this.#settings;
    if (inParts === undefined) return await this.#applyAtOnce(partition, request);
    let outcome: ApplyOutcome = {kind: 'applied'};
    for (const part of partsOf(request, inParts.ordersMax, `${inParts.id}.${++this.#chunks}`)) {
      outcome = await this.#applyAtOnce(partition, part);
      if (outcome.kind !== 'applied') break;
    }
    return outcome;
  }

  /** The differences of counters and reports go to the outbox of the partition, and from there to the feed (I18). */
  async #applyToOutbox(
    partition: number,
    request: ApplyRequest,
    feed: ReportFeed | undefined,
  ): Promise<ApplyOutcome> {
    assert(feed !== undefined, 'a partition joins the reports before it applies a chunk');
    const outbox = feed.orderFor(request.expected, request.next);
    const outcome = await this.#applyAtOnce(partition, {...request, outbox});
    if (outcome.kind === 'applied' && outcome.entry !== undefined) this.reports?.add(feed, outcome.entry);
    return outcome;
  }

  async #applyAtOnce(partition: number, request: ApplyRequest): Promise<ApplyOutcome> {
    const prefix = this.#keys.prefixOf(partition);
    const outbox = this.#dropsReports ? NO_OUTBOX : request.outbox;
    const args = scriptArguments({...request, outbox}, {...this.#settings, prefix});
    const reply = await this.#redis.run(APPLY_SCRIPT, this.positions.key(partition), args);
    return parseReply(reply, {layout: this.#settings.layout, truncated: request.audit?.truncated});
  }

  /**
   * Writes orders of an initial load, without their sums (load.lua). Resolves with false if another position is stored; then nothing was
   * written. If the promise rejects, it is unknown whether the orders were written. The same request can be sent again.
   */
  async load(partition: number, request: LoadRequest): Promise<boolean> {
    const prefix = this.#keys.prefixOf(partition);
    const args = loadArguments(request, {...this.#settings, prefix});
    return isLoaded(await this.#redis.run(LOAD_SCRIPT, this.positions.key(partition), args));
  }

  /**
   * The position text at which the partition resumes, '' for none. It first replaces an expired fence by its position. Rejects with
   * `cutover-in-progress` while a fence has not expired (I15). Rejects with `rebuild-lost` if a read model that is being built has no
   * position.
   */
  async positionToResume(partition: number): Promise<string> {
    const [text = ''] = await this.positions.read([partition]);
    if (parseFence(text) === undefined) return this.#notDiscarded(text);
    const key = this.positions.key(partition);
    // A script accesses one slot only, and the key of partition 0 is in another one than this key.
    const first = this.#isPartitioned ? key : this.positions.key(0);
    const stored = String(await this.#redis.run(RELEASE_SCRIPT, key, [text, '', first]));
    // It can be discarded between the read and the script.
    if (parseFence(stored) === undefined) return this.#notDiscarded(stored);
    throw new ProjectorError(
      'cutover-in-progress',
      `a cutover or a repair is in progress: a fence replaces the position (${key})`,
    );
  }

  #notDiscarded(position: string): string {
    if (position !== '' || this.#settings.isBeingBuilt !== true) return position;
    throw new ProjectorError('rebuild-lost', 'the read model that this run was building has been discarded');
  }

  /**
   * Takes over the merging of a partition whose position was `position` (reports.ts). The outbox is read after the position. If the slot goes
   * back in between, the outbox ends before that position, although nothing is lost. Then this resolves with `moved`, and the position must
   * be read again. Undefined in the layout `single`.
   */
  async joinReports(partition: number, position: string): Promise<ReportFeed | 'moved' | undefined> {
    try {
      return await this.reports?.join(partition, position);
    } catch (error) {
      const isLost = asProjectorError(error).kind === 'reports-lost';
      if (isLost && (await this.positionToResume(partition)) !== position) return 'moved';
      throw error;
    }
  }

  /** Rejects with `redis-denied` if this user lacks a right that the apply script needs, on the server of one of the partitions (I5). */
  async requireRights(partitions = 1): Promise<void> {
    const hasOutbox = this.#isPartitioned ? 'outbox' : '';
    const places = this.#isPartitioned ? Array.from({length: partitions}, (_, partition) => partition) : [0];
    await Promise.all(
      places.map(async (partition) => {
        const args = [this.#keys.prefixOf(partition), hasOutbox];
        await this.#redis.run(RIGHTS_SCRIPT, this.positions.key(partition), args);
      }),
    );
    await this.reports?.requireRights();
  }

  /** Rejects with `layout-changed` or `partitions-changed` if the data in Redis was built with other settings (I13). */
  async requireLayout(): Promise<void> {
    // The first chunk of a partition writes the layout, and so does the first merge. In the layout `single` both keys are the same.
    const keys = new Set([this.#keys.shared.layout, this.#keys.partition(0).layout]);
    for (const stored of await this.#redis.getAll([...keys]))
      if (stored !== null) requireSameLayout(stored, this.#settings.layout);
  }

  /** Offsets of this partition's quarantined records, in ascending order. */
  async quarantinedOffsets(partition: number): Promise<bigint[]> {
    const names = await this.#redis.hashFields(this.#keys.partition(partition).quarantine);
    return offsetsOf(names, this.#topic, partition);
  }
}
