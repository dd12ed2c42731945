/**
 * Builds one chunk: collects records one by one, and returns what one script does with all of them.
 *
 * I6: every record that was added has one outcome when the chunk is applied.
 * I14: a record that cannot be applied is quarantined in the same script as the position, within the limit. If the policy of its
 * error does not allow that, or if the limit is reached, the worker halts.
 *
 * Pure but for the limit, which counts the records that it admits.
 */
import {unreachable} from '../runtime/assert.js';
import type {Decoded, SchemaStatement} from '../domain/change.js';
import {ERROR_POLICY} from '../runtime/errorPolicy.js';
import {ProjectorError, type ErrorKind} from '../runtime/errors.js';
import type {LogRecord} from '../clients/kafka/eventLog.js';
import type {Reduction} from '../domain/patch.js';
import type {AuditRequest} from '../redis-model/audit.js';
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
  /** The partition of a key (S2). */
  readonly partitionOf: (key: Buffer) => number | undefined;
  readonly limit: QuarantineLimit;
  /** Why the order of a record is corrupt, if a script has found that; else undefined. */
  readonly corrupt: (orderId: string, offset: bigint) => string | undefined;
}

/** A schema change of one of our tables. */
export interface SchemaChange {
  readonly statement: SchemaStatement;
  readonly table: string;
  readonly offset: bigint;
}

/** What one script does, and the outcomes of its records. */
export interface FinishedChunk {
  readonly reduction: Reduction;
  readonly quarantine: ReadonlyMap<string, string>;
  /** The kind of error of each quarantined record. */
  readonly quarantinedKinds: readonly ErrorKind[];
  readonly end: Position;
  readonly outcomes: Outcomes;
  readonly newestSourceMs: number | null;
  /** The number of records of each table that is not part of the source. */
  readonly otherTables: ReadonlyMap<string, number>;
  readonly schemaChanges: readonly SchemaChange[];
  /** The audit that the newest of these changes makes necessary. */
  readonly audit: AuditRequest | undefined;
}

/** Why a record cannot be applied. */
interface Fault {
  readonly kind: ErrorKind;
  readonly reason: string;
  readonly orderId: string | null;
}

export class ChunkBuilder {
  readonly #place: ChunkPlace;
  readonly #rules: ChunkRules;
  readonly #reducer = new Reducer();
  readonly #quarantine = new Map<string, string>();
  readonly #quarantinedKinds: ErrorKind[] = [];
  readonly #outcomes = noOutcomes();
  #newestSourceMs: number | null = null;
  readonly #otherTables = new Map<string, number>();
  readonly #schemaChanges: SchemaChange[] = [];
  #truncated: string | undefined;
  #last: LogRecord | undefined;

  constructor(place: ChunkPlace, rules: ChunkRules) {
    this.#place = place;
    this.#rules = rules;
  }

  get orderCount(): number {
    return this.#reducer.orderCount;
  }

  /**
   * Throws the halting ProjectorError of a record that can be neither applied nor quarantined. That record is not added.
   * Returns false if the record must begin the next chunk. Redis rejects a chunk with a TRUNCATE unless an audit runs, and the records
   * before the TRUNCATE are applied in any case.
   */
  add(record: LogRecord): boolean {
    const decoded = this.#rules.decode(record);
    switch (decoded.kind) {
      case 'change': {
        const why = this.#misplaced(record) ?? this.#corrupt(record, decoded.change.orderId);
        if (why === undefined) this.#reducer.add(decoded.change);
        else this.#addToQuarantine(record, why);
        this.#outcomes[why === undefined ? 'applied' : 'quarantined']++;
        this.#seen(decoded.sourceTimeMs);
        break;
      }
      case 'heartbeat':
        this.#seen(decoded.sourceTimeMs);
        this.#outcomes.ignored++;
        break;
      case 'tombstone':
        this.#outcomes.ignored++;
        break;
      case 'ignored':
        this.#outcomes.ignored++;
        if (decoded.table !== undefined)
          this.#otherTables.set(decoded.table, (this.#otherTables.get(decoded.table) ?? 0) + 1);
        break;
      case 'schema-changed':
        if (decoded.statement === 'TRUNCATE TABLE') {
          if (this.#last !== undefined) return false;
          this.#truncated = `${this.#where(record)}: table ${decoded.table} was truncated`;
        }
        this.#schemaChanges.push({...decoded, offset: record.offset});
        this.#outcomes.ignored++;
        break;
      case 'rejected':
        this.#addToQuarantine(record, decoded.rejection);
        this.#outcomes.quarantined++;
        break;
      default:
        unreachable(decoded);
    }
    this.#last = record;
    return true;
  }

  /** Undefined if no record was added. */
  finish(): FinishedChunk | undefined {
    if (this.#last === undefined) return undefined;
    return {
      reduction: this.#reducer.reduction(),
      quarantine: this.#quarantine,
      quarantinedKinds: this.#quarantinedKinds,
      end: positionAfter(this.#last),
      outcomes: this.#outcomes,
      newestSourceMs: this.#newestSourceMs,
      otherTables: this.#otherTables,
      schemaChanges: this.#schemaChanges,
      audit: this.#audit(),
    };
  }

  #audit(): AuditRequest | undefined {
    const newest = this.#schemaChanges.at(-1);
    if (newest === undefined) return undefined;
    return {text: `${newest.statement} at ${this.#where(newest)}`, truncated: this.#truncated};
  }

  #where({offset}: {readonly offset: bigint}): string {
    return `${this.#place.topic}[${this.#place.partition}] offset ${offset}`;
  }

  #seen(sourceTimeMs: number | null): void {
    if (sourceTimeMs !== null) this.#newestSourceMs = Math.max(this.#newestSourceMs ?? 0, sourceTimeMs);
  }

  /** In another partition, the order of this record and of the other records of its order is unknown (S2). */
  #misplaced({key}: LogRecord): Fault | undefined {
    const expected = key === null ? undefined : this.#rules.partitionOf(key);
    if (expected === undefined || expected === this.#place.partition) return undefined;
    const reason = `the record's key belongs into partition ${expected}: its producer does not use Kafka's default partitioner`;
    return {kind: 'record-undecodable', reason, orderId: null};
  }

  #corrupt({offset}: LogRecord, orderId: string): Fault | undefined {
    const reason = this.#rules.corrupt(orderId, offset);
    return reason === undefined ? undefined : {kind: 'order-corrupt', reason, orderId};
  }

  #addToQuarantine(record: LogRecord, why: Fault): void {
    const {topic, partition} = this.#place;
    const {offset, timestampMs, key, value} = record;
    const {kind, reason, orderId} = why;
    const detail = `${this.#where(record)}: ${reason}`;
    if (ERROR_POLICY[kind].next !== 'quarantine') throw new ProjectorError(kind, detail);
    if (!this.#rules.limit.admit(offset)) {
      throw new ProjectorError(
        'quarantine-flood',
        `${detail} (${kind}; the limit PROJECTOR_QUARANTINE_MAX is reached)`,
      );
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
