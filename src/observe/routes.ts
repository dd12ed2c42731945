/** The HTTP answers of a worker: probes for the orchestrator, metrics for Prometheus, status for people and programs. */
import {liveness, readiness, startup, type Health} from './health.js';
import type {History} from './history.js';
import {json, type Answer, type Routes} from './http.js';
import type {Metrics} from './metrics.js';
import type {AuditStatus, StatusAnswer} from './statusAnswer.js';
import {overdueMs} from '../redis-model/audit.js';
import {freshnessMs, lagMs, lagOf, type AuditView, type WorkerView} from '../worker/workerView.js';

export interface RoutesOptions {
  readonly hasShop: boolean;
  readonly view: () => WorkerView;
  readonly metrics: Metrics;
  readonly history: History;
  /** The liveness probe fails if a partition with records to apply has been stuck for this time. */
  readonly stuckMsMax: number;
}

export function routesOf({view, metrics, history, stuckMsMax, hasShop}: RoutesOptions): Routes {
  const probe = (health: Health): Answer =>
    json(health.isWell ? 200 : 503, {ok: health.isWell, reasons: health.reasons});
  return {
    '/startupz': () => probe(startup(view())),
    '/livez': () => probe(liveness(view(), stuckMsMax)),
    '/readyz': () => probe(readiness(view())),
    '/metrics': async () => ({status: 200, type: metrics.contentType, body: await metrics.text()}),
    '/status': () => json(200, statusOf(view(), hasShop)),
    '/history': () => json(200, history.answer),
  };
}

/** Offsets and lags are bigints, which `json` prints as text, because readers of JSON may round large numbers (I8). */
export function statusOf(view: WorkerView, hasShop = false): StatusAnswer<bigint> {
  const {state, version, group, topic, nowMs, startedMs, isKafkaUp, isRedisUp, connector, rebalances} = view;
  const time = (ms: number): string => new Date(ms).toISOString();
  const {newestSourceMs, ...records} = view.counts;
  return {
    state,
    ready: readiness(view),
    version,
    group,
    topic,
    hasShop,
    now: time(nowMs),
    started: time(startedMs),
    kafkaUp: isKafkaUp,
    redisUp: isRedisUp,
    connector,
    audit: auditStatus(view.audit, nowMs),
    lagRecords: lagOf(view),
    lagSeconds: secondsOf(lagMs(view)),
    freshnessSeconds: secondsOf(freshnessMs(view)),
    newestApplied: newestSourceMs === null ? null : time(newestSourceMs),
    records,
    rebalances,
    partitions: view.partitions,
    troubles: view.troubles.map(({sinceMs, ...trouble}) => ({...trouble, since: time(sinceMs)})),
    errors: view.errors.map(({atMs, ...error}) => ({at: time(atMs), ...error})),
  };
}

function auditStatus(audit: AuditView | null, nowMs: number): AuditStatus | null {
  if (audit === null) return null;
  const {isRunning, isRequested, last} = audit;
  if (last === null) return {isRunning, isRequested, overdueSeconds: 0, last};
  const {startedMs, endedMs, orders, differences, repaired, open, unchecked} = last;
  return {
    isRunning,
    isRequested,
    overdueSeconds: overdueMs(last, nowMs) / 1_000,
    last: {
      ended: new Date(endedMs).toISOString(),
      seconds: (endedMs - startedMs) / 1_000,
      orders,
      differences,
      repaired,
      open: open + unchecked,
    },
  };
}

function secondsOf(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000;
}
