/**
 * A chunk in the making: records go in one by one, and what one script does with all of them comes out.
 *
 * I6: every record that was added has one outcome when the chunk is applied. A record that cannot be applied is set aside in
 * the same script as the position, within the limit; what cannot be set aside halts the worker.
 *
 * Pure but for the limit, which it counts on.
 */
import {unreachable} from '../runtime/assert.js';
import type {Decoded} from '../domain/change.js';
import {ERROR_POLICY} from '../runtime/errorPolicy.js';
import {ProjectorError, type ErrorKind} from '../runtime/errors.js';
import type {LogRecord} from '../clients/kafka/eventLog.js';
import type {Reduction} from '../domain/patch.js';
import {positionAfter, type Position} from '../redis-model/position.js';
import type {QuarantineLimit} from './quarantineLimit.js';
import {entryName, formatEntry} from '../redis-model/quarantineEntry.js';
import {Reducer} from '../reduce.js';
import {noOutcomes, type Outcomes} from './outcomes.js';

export interface ChunkPlace {
  readonly topic: string;
  readonly partition: number;
}

export interface ChunkRules {
  readonly decode: (record: LogRecord) => Decoded;
  readonly limit: QuarantineLimit;
  /** What is wrong with the keys of the order of a record, when the script has found something; else undefined. */
  readonly spoiled: (orderId: string, offset: bigint) => string | undefined;
}

/** What one script does. */
export interface FinishedChunk {
  readonly reduction: Reduction;
  readonly quarantine: ReadonlyMap<string, string>;
  /** Why each of these was set aside. */
  readonly quarantinedKinds: readonly ErrorKind[];
  readonly end: Position;
  readonly outcomes: Outcomes;
  readonly newestSourceMs: number | null;
}

export class ChunkBuilder {
  readonly #place: ChunkPlace;
  readonly #rules: ChunkRules;
  readonly #reducer = new Reducer();
  readonly #quarantine = new Map<string, string>();
  readonly #quarantinedKinds: ErrorKind[] = [];
  readonly #outcomes = noOutcomes();
  #newestSourceMs: number | null = null;
  #last: LogRecord | undefined;

  constructor(place: ChunkPlace, rules: ChunkRules) {
    this.#place = place;
    this.#rules = rules;
  }

  get orderCount(): number {
    return this.#reducer.orderCount;
  }

  /** Throws the halting ProjectorError of a record that can be neither applied nor set aside; it is not added then. */
  add(record: LogRecord): void {
    const decoded = this.#rules.decode(record);
    switch (decoded.kind) {
      case 'change': {
        const {orderId} = decoded.change;
        const what = this.#rules.spoiled(orderId, record.offset);
        if (what === undefined) this.#reducer.add(decoded.change);
        else this.#setAside(record, {kind: 'order-spoiled', reason: what, orderId});
        this.#outcomes[what === undefined ? 'applied' : 'quarantined']++;
        this.#seen(decoded.sourceTimeMs);
        break;
      }
      case 'heartbeat':
        this.#seen(decoded.sourceTimeMs);
        this.#outcomes.ignored++;
        break;
      case 'tombstone':
      case 'ignored':
        this.#outcomes.ignored++;
        break;
      case 'rejected':
        this.#setAside(record, decoded.rejection);
        this.#outcomes.quarantined++;
        break;
      default:
        unreachable(decoded);
    }
    this.#last = record;
  }

  /** Undefined when no record was added. */
  finish(): FinishedChunk | undefined {
    if (this.#last === undefined) return undefined;
    return {
      reduction: this.#reducer.reduction(),
      quarantine: this.#quarantine,
      quarantinedKinds: this.#quarantinedKinds,
      end: positionAfter(this.#last),
      outcomes: this.#outcomes,
      newestSourceMs: this.#newestSourceMs,
    };
  }

  #seen(sourceTimeMs: number | null): void {
    if (sourceTimeMs !== null) this.#newestSourceMs = Math.max(this.#newestSourceMs ?? 0, sourceTimeMs);
  }

  #setAside(record: LogRecord, why: {kind: ErrorKind; reason: string; orderId: string | null}): void {
    const {topic, partition} = this.#place;
    const {offset, timestampMs, key, value} = record;
    const {kind, reason, orderId} = why;
    const detail = `${topic}[${partition}] offset ${offset}: ${reason}`;
    if (ERROR_POLICY[kind].next !== 'quarantine') throw new ProjectorError(kind, detail);
    if (!this.#rules.limit.admit(offset)) {
      throw new ProjectorError('quarantine-flood', `${detail} (${kind}; QUARANTINE_MAX is reached)`);
    }
    this.#quarantinedKinds.push(kind);
    this.#quarantine.set(
      entryName(topic, partition, offset),
      formatEntry({
        topic,
        partition,
        offset,
        timestampMs,
        kind,
        reason,
        orderId,
        key,
        value,
        valueBytes: value?.length ?? 0,
      }),
    );
  }
}
