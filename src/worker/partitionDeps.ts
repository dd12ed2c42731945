/** What a partition is given: its settings and the parts that it works with. */
import type {ReadModel} from '../apply/readModel.js';
import type {EventLog, LogRecord} from '../clients/kafka/eventLog.js';
import type {Decoded} from '../domain/change.js';
import type {ProjectorError} from '../runtime/errors.js';
import type {Failpoint} from '../runtime/failpoints.js';
import type {Clock} from '../runtime/lifecycle.js';
import type {TraceChunk} from './chunkTrace.js';
import type {SchemaChange} from './chunkBuilder.js';
import type {WorkerObserver} from './observer.js';
import type {WorkerCounts} from './outcomes.js';
import type {QuarantineSettings} from './quarantineLimit.js';

export interface PartitionSettings extends QuarantineSettings {
  readonly topic: string;
  /** Number of partitions of the topic for which the read model was laid out. */
  readonly partitions: number;
  /** A chunk ends at this many orders. This limits the time for which one script blocks Redis. */
  readonly chunkOrdersMax: number;
  /** A chunk ends at this many records, whichever orders they change. This limits the time between two yields. */
  readonly chunkRecordsMax: number;
  readonly queueBytesMax: number;
  /**
   * For a read model that is being built: whether a resume now folds the records that are in the topic in windows (foldWindow.ts). Undefined for
   * a read model with readers.
   */
  readonly foldsWindows?: () => boolean;
}

export interface PartitionDeps {
  readonly log: EventLog;
  readonly model: ReadModel;
  readonly decode: (record: LogRecord) => Decoded;
  readonly partitionOf: (key: Buffer) => number | undefined;
  readonly clock: Clock;
  readonly counts: WorkerCounts;
  /** Called with the error of each failed attempt, and with null once a resume or a chunk has succeeded. */
  readonly dependency: (error: ProjectorError | null) => void;
  readonly onReset: (partition: number, reason: string) => void;
  /** Called with the names of quarantined records. */
  readonly quarantined: (names: readonly string[]) => void;
  /** Called with the number of applied records of each table that is not part of the source. */
  readonly otherTables: (records: ReadonlyMap<string, number>) => void;
  /** Called with the applied schema changes, each of which has requested an audit. */
  readonly schemaChanged: (partition: number, changes: readonly SchemaChange[]) => void;
  readonly failpoint: Failpoint;
  readonly observer: WorkerObserver;
  readonly traceChunk: TraceChunk;
}
