/**
 * Metrics in the text format of Prometheus.
 *
 * Most metrics read the counts of the worker at each scrape, so the code that applies records does no work for them.
 * Only durations, chunk sizes and the kinds of quarantined records are recorded when they occur.
 */
import {addAuditMetrics} from './auditMetrics.js';
import {collectDefaultMetrics, Counter, Gauge, Histogram, Registry} from 'prom-client';
import type {ErrorKind} from '../runtime/errors.js';
import type {WorkerObserver} from '../worker/observer.js';
import {
  freshnessMs,
  lagMs,
  WORKER_STATES,
  type PartitionView,
  type WorkerView,
} from '../worker/workerView.js';

export interface MetricsOptions {
  readonly view: () => WorkerView;
  readonly topic: string;
  /** Also exports the series of kafka_exporter. Do not set it where a kafka_exporter runs, because sums would be doubled. */
  readonly hasExporterSeries: boolean;
}

const OUTCOMES = ['applied', 'duplicate', 'ignored', 'quarantined'] as const;
const APPLY_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const REPORT_DELAY_SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60];
const CHUNK_RECORDS = [1, 5, 20, 50, 100, 200, 500, 1_000, 2_000];

export class Metrics implements WorkerObserver {
  readonly #registry = new Registry();
  readonly #view: () => WorkerView;
  readonly #topic: string;
  readonly #applySeconds: Histogram<'topic'>;
  readonly #chunkRecords: Histogram;
  readonly #quarantined: Counter<'topic' | 'reason'>;
  readonly #reportDelaySeconds: Histogram;

  constructor({view, topic, hasExporterSeries}: MetricsOptions) {
    this.#view = view;
    this.#topic = topic;
    const registers = [this.#registry];
    this.#applySeconds = new Histogram({
      name: 'projector_apply_duration_seconds',
      help: 'Time from when a chunk is ready until Redis replies, in seconds.',
      labelNames: ['topic'],
      buckets: APPLY_SECONDS,
      registers,
    });
    this.#chunkRecords = new Histogram({
      name: 'projector_chunk_records',
      help: 'Number of records that one script applies.',
      buckets: CHUNK_RECORDS,
      registers,
    });
    this.#quarantined = new Counter({
      name: 'projector_quarantined_records_total',
      help: 'Total number of quarantined records, by the kind of error.',
      labelNames: ['topic', 'reason'],
      registers,
    });
    this.#reportDelaySeconds = new Histogram({
      name: 'projector_report_delay_seconds',
      help: 'Time from when a chunk was applied until counters and reports contain it, in seconds. Only in the layout partitioned.',
      buckets: REPORT_DELAY_SECONDS,
      registers,
    });
    this.#counters(registers);
    this.#states(registers);
    addAuditMetrics(registers, this.#view);
    this.#gauges(registers);
    this.#partitionGauges(registers);
    if (hasExporterSeries) this.#exporterSeries(registers);
    collectDefaultMetrics({register: this.#registry});
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  reportsMerged(delayMs: number): void {
    this.#reportDelaySeconds.observe(delayMs / 1_000);
  }

  chunkApplied({durationMs, records}: {durationMs: number; records: number}): void {
    this.#applySeconds.observe({topic: this.#topic}, durationMs / 1_000);
    this.#chunkRecords.observe(records);
  }

  recordQuarantined(reason: ErrorKind): void {
    this.#quarantined.inc({topic: this.#topic, reason});
  }

  #counters(registers: Registry[]): void {
    const view = this.#view;
    new Counter({
      name: 'projector_records_total',
      help: 'Total number of consumed records, by outcome.',
      labelNames: ['topic', 'outcome'],
      registers,
      collect() {
        const {topic, counts} = view();
        this.reset();
        for (const outcome of OUTCOMES) this.inc({topic, outcome}, counts[outcome]);
      },
    });
    new Counter({
      name: 'projector_other_table_records_total',
      help: 'Total number of ignored records of a table that is not part of the source, by table.',
      labelNames: ['topic', 'table'],
      registers,
      collect() {
        const {topic, otherTables} = view();
        this.reset();
        for (const [table, records] of otherTables) this.inc({topic, table}, records);
      },
    });
    const total = (name: string, help: string, value: (now: WorkerView) => number): void => {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(value(view()));
        },
      });
    };
    total(
      'projector_position_resets_total',
      'Total number of resets of a partition to its stored position.',
      ({counts}) => counts.positionResets,
    );
    total(
      'projector_rejected_writes_total',
      'Total number of writes that were rejected because Redis held another position than expected.',
      ({counts}) => counts.rejectedWrites,
    );
    total(
      'projector_rebalances_total',
      'Total number of partition assignments that the worker received from its consumer group.',
      ({rebalances}) => rebalances,
    );
  }

  #states(registers: Registry[]): void {
    const view = this.#view;
    new Gauge({
      name: 'projector_state',
      help: '1 for the current state of the worker, 0 for every other state.',
      labelNames: ['state'],
      registers,
      collect() {
        const {state: now} = view();
        for (const state of WORKER_STATES) this.set({state}, state === now ? 1 : 0);
      },
    });
    new Gauge({
      name: 'projector_build_info',
      help: 'Versions of the worker and of Node, as labels. The value is always 1.',
      labelNames: ['version', 'node'],
      registers,
      collect() {
        this.set({version: view().version, node: process.version}, 1);
      },
    });
    new Gauge({
      name: 'projector_connector_up',
      help: '1 while the connector and its task are RUNNING, else 0. Exported only with CONNECT_URL.',
      labelNames: ['connector'],
      registers,
      collect() {
        const {connector} = view();
        this.reset();
        if (connector !== null) this.set({connector: connector.name}, connector.state === 'RUNNING' ? 1 : 0);
      },
    });
  }

  #gauges(registers: Registry[]): void {
    const view = this.#view;
    const gauge = (name: string, help: string, value: (now: WorkerView) => number | null): void => {
      new Gauge({
        name,
        help,
        labelNames: ['topic'],
        registers,
        collect() {
          const now = view();
          const found = value(now);
          // An unknown value has no series, because 0 would look like a measured value.
          this.reset();
          if (found !== null) this.set({topic: now.topic}, found);
        },
      });
    };
    const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1_000);
    gauge('projector_kafka_up', '1 while Kafka responds, else 0.', ({isKafkaUp}) => (isKafkaUp ? 1 : 0));
    gauge('projector_redis_up', '0 while the worker waits for Redis, else 1.', ({isRedisUp}) =>
      isRedisUp ? 1 : 0,
    );
    gauge(
      'projector_freshness_seconds',
      'Age of the newest applied row change or heartbeat, in seconds. It also grows while the connector is down.',
      (now) => seconds(freshnessMs(now)),
    );
    gauge(
      'projector_lag_seconds',
      'Age of the newest applied row change or heartbeat while there are records to apply, else 0, in seconds.',
      (now) => seconds(lagMs(now)),
    );
    gauge(
      'projector_stuck_seconds',
      'Longest time that a partition with records to apply has made no progress, in seconds.',
      (now) => Math.max(0, ...now.partitions.map(({stuckMs}) => stuckMs)) / 1_000,
    );
  }

  #partitionGauges(registers: Registry[]): void {
    const gauge = this.#perPartition(registers, ({topic}) => ({topic}));
    gauge(
      'projector_lag_records',
      'Number of records to apply: log end offset minus position.',
      ({lagRecords}) => lagRecords,
    );
    gauge('projector_position_offset', 'Next offset to apply, as stored in Redis.', ({position}) => position);
    gauge(
      'projector_committed_offset',
      'Committed offset in Kafka, for lag tools.',
      ({committed}) => committed,
    );
    gauge(
      'projector_partition_held',
      '1 while the partition is held because of an error, else 0.',
      ({held}) => (held === null ? 0n : 1n),
    );
    gauge('projector_log_end_offset', 'Offset of the next record that Kafka appends.', ({end}) => end);
  }

  /** Creates series with the names and labels of kafka_exporter, so that existing dashboards and alerts work. */
  #exporterSeries(registers: Registry[]): void {
    const view = this.#view;
    const source = 'The name and labels are those of kafka_exporter.';
    const gauge = this.#perPartition(registers, ({group: consumergroup, topic}) => ({consumergroup, topic}));
    gauge(
      'kafka_consumergroup_lag',
      `Log end offset minus position. ${source}`,
      ({lagRecords}) => lagRecords,
    );
    gauge('kafka_consumergroup_current_offset', `Committed offset. ${source}`, ({committed}) => committed);
    new Gauge({
      name: 'kafka_consumergroup_lag_sum',
      help: `Sum of the consumer lag over the partitions of this worker. ${source}`,
      labelNames: ['consumergroup', 'topic'],
      registers,
      collect() {
        const {group: consumergroup, topic, partitions} = view();
        const sum = partitions.reduce((total, {lagRecords}) => total + Number(lagRecords ?? 0n), 0);
        this.set({consumergroup, topic}, sum);
      },
    });
  }

  /**
   * Returns a function that creates gauges with one series for each partition of this worker.
   * Each series has these labels and the label `partition`. A partition without a known value has no series.
   */
  #perPartition(
    registers: Registry[],
    labelsOf: (now: WorkerView) => {readonly topic: string; readonly consumergroup?: string},
  ): (name: string, help: string, value: (partition: PartitionView) => bigint | null) => void {
    const view = this.#view;
    return (name, help, value) => {
      const labelNames = [...Object.keys(labelsOf(view())), 'partition'];
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          const now = view();
          this.reset();
          for (const partition of now.partitions) {
            const found = value(partition);
            if (found !== null) this.set({...labelsOf(now), partition: partition.partition}, Number(found));
          }
        },
      });
    };
  }
}
