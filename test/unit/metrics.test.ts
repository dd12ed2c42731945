import {readFileSync} from 'node:fs';
import {Metrics} from '../../src/observe/metrics.js';
import {freshnessMs, lagMs, lagOf} from '../../src/worker/workerView.js';
import {NO_COUNTS} from '../../src/redis-model/audit.js';
import {noCounts} from '../../src/worker/outcomes.js';
import {partitionView, workerView} from '../support/views.js';

const view = workerView({
  nowMs: 100_000,
  counts: {
    ...noCounts(),
    applied: 7,
    quarantined: 2,
    positionResets: 3,
    rejectedWrites: 1,
    newestSourceMs: 97_500,
  },
  rebalances: 2,
  partitions: [
    partitionView({partition: 0, position: 5n, committed: 4n, end: 9n, lagRecords: 4n, stuckMs: 1_500}),
    partitionView({partition: 3}),
  ],
  connector: {name: 'shop-orders', state: 'FAILED'},
  audit: {
    isRunning: true,
    isRequested: true,
    last: {
      ...NO_COUNTS,
      differences: 5,
      repaired: 3,
      startedMs: 0,
      endedMs: 20_000,
      everyMs: 30_000,
      isRepairing: true,
    },
  },
});

async function linesOf(metrics: Metrics): Promise<string[]> {
  const text = await metrics.text();
  return text.split('\n').filter((line) => /^(?:projector|kafka)_/.test(line));
}

test('each scrape reports the counts and gauges of the worker at that moment, and a second scrape adds nothing', async () => {
  const metrics = new Metrics({view: () => view, topic: 't', hasExporterSeries: false});
  metrics.chunkApplied({durationMs: 4, records: 250});
  metrics.recordQuarantined('record-undecodable');
  await linesOf(metrics);
  const lines = await linesOf(metrics);
  expect(lines).toEqual(
    expect.arrayContaining([
      'projector_records_total{topic="shop.order-events",outcome="applied"} 7',
      'projector_records_total{topic="shop.order-events",outcome="duplicate"} 0',
      'projector_records_total{topic="shop.order-events",outcome="quarantined"} 2',
      'projector_position_resets_total 3',
      'projector_rejected_writes_total 1',
      'projector_rebalances_total 2',
      'projector_lag_records{topic="shop.order-events",partition="0"} 4',
      'projector_position_offset{topic="shop.order-events",partition="0"} 5',
      'projector_committed_offset{topic="shop.order-events",partition="0"} 4',
      'projector_log_end_offset{topic="shop.order-events",partition="0"} 9',
      'projector_freshness_seconds{topic="shop.order-events"} 2.5',
      'projector_stuck_seconds{topic="shop.order-events"} 1.5',
      'projector_kafka_up{topic="shop.order-events"} 1',
      'projector_redis_up{topic="shop.order-events"} 1',
      'projector_state{state="running"} 1',
      'projector_state{state="halted"} 0',
      'projector_connector_up{connector="shop-orders"} 0',
      'projector_audit_differences{topic="shop.order-events"} 2',
      'projector_audit_repaired{topic="shop.order-events"} 3',
      'projector_audit_pass_timestamp_seconds{topic="shop.order-events"} 20',
      'projector_audit_overdue_seconds{topic="shop.order-events"} 40',
      'projector_audit_requested{topic="shop.order-events"} 1',
      'projector_quarantined_records_total{topic="t",reason="record-undecodable"} 1',
      'projector_apply_duration_seconds_bucket{le="0.002",topic="t"} 0',
      'projector_apply_duration_seconds_bucket{le="0.005",topic="t"} 1',
      'projector_chunk_records_bucket{le="500"} 1',
    ]),
  );
  expect(lines.filter((line) => line.startsWith('kafka_'))).toEqual([]);
});

test('a value that is unknown has no series, because 0 would be a wrong value', async () => {
  const lines = await linesOf(new Metrics({view: () => view, topic: 't', hasExporterSeries: true}));
  const known = 'projector_partition_held{topic="shop.order-events",partition="3"} 0';
  expect(lines.filter((line) => line.includes('partition="3"'))).toEqual([known]);
  // The lag of one partition is unknown, so the lag in seconds is unknown too.
  expect(lines.filter((line) => line.startsWith('projector_lag_seconds'))).toEqual([]);
});

test('the series of a partition disappear when the partition is revoked', async () => {
  let now = view;
  const metrics = new Metrics({view: () => now, topic: 't', hasExporterSeries: true});
  await metrics.text();
  now = {...view, partitions: [partitionView({partition: 1, lagRecords: 1n, position: 1n})], connector: null};
  const lines = await linesOf(metrics);
  expect(lines.filter((line) => line.includes('partition="0"') || line.includes('connector='))).toEqual([]);
  expect(lines).toContain(
    'kafka_consumergroup_lag{consumergroup="order-projector",topic="shop.order-events",partition="1"} 1',
  );
});

test('with hasExporterSeries the series have the names and labels of kafka_exporter', async () => {
  const lines = await linesOf(new Metrics({view: () => view, topic: 't', hasExporterSeries: true}));
  const labels = 'consumergroup="order-projector",topic="shop.order-events"';
  expect(lines).toEqual(
    expect.arrayContaining([
      `kafka_consumergroup_lag{${labels},partition="0"} 4`,
      `kafka_consumergroup_current_offset{${labels},partition="0"} 4`,
      `kafka_consumergroup_lag_sum{${labels}} 4`,
    ]),
  );
});

test('docs/metrics.md names every exported series and no other series', async () => {
  const text = await new Metrics({view: () => view, topic: 't', hasExporterSeries: true}).text();
  const series = [...text.matchAll(/^# TYPE ((?:projector|kafka)_\S+)/gm)].map(([, name]) => name);
  const notified = [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `((?:projector|kafka)_\w+)/gm)];
  expect(notified.map(([, name]) => name).sort()).toEqual(series.sort());
});

test('lag and freshness are null while a partition is unknown, and they are never negative', () => {
  const known = {...view, partitions: [partitionView({lagRecords: 4n}), partitionView({lagRecords: 0n})]};
  expect([lagOf(known), freshnessMs(known), lagMs(known)]).toEqual([4n, 2_500, 2_500]);
  expect(lagMs({...known, partitions: [partitionView({lagRecords: 0n})]})).toBe(0);
  expect([lagOf(view), lagMs(view)]).toEqual([null, null]);
  expect(freshnessMs({...view, counts: noCounts()})).toBeNull();
  // If the clock of the database runs ahead, the freshness is 0 and not negative.
  expect(freshnessMs({...view, nowMs: 97_000})).toBe(0);
});
