/** The metrics of the audit, as the worker reads its results from Redis (auditWatch.ts). Without an audit there are no series. */
import {Gauge, type Registry} from 'prom-client';
import {overdueMs, remaining, type AuditPass} from '../redis-model/audit.js';
import type {AuditView, WorkerView} from '../worker/workerView.js';

export function addAuditMetrics(registers: Registry[], view: () => WorkerView): void {
  const gauge = (
    name: string,
    help: string,
    value: (audit: AuditView, nowMs: number) => number | null,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: ['topic'],
      registers,
      collect() {
        const {audit, topic, nowMs} = view();
        const found = audit === null ? null : value(audit, nowMs);
        this.reset();
        if (found !== null) this.set({topic}, found);
      },
    });
  };
  const ofLast =
    (value: (pass: AuditPass, nowMs: number) => number) =>
    ({last}: AuditView, nowMs: number): number | null =>
      last === null ? null : value(last, nowMs);
  gauge(
    'projector_audit_pass_timestamp_seconds',
    'Time at which the last complete pass of the audit ended, in seconds since 1970.',
    ofLast(({endedMs}) => endedMs / 1_000),
  );
  gauge(
    'projector_audit_differences',
    'Number of differences between Redis and MySQL that the last complete pass of the audit found and did not repair.',
    ofLast(remaining),
  );
  gauge(
    'projector_audit_repaired',
    'Number of differences that the last complete pass of the audit repaired.',
    ofLast(({repaired}) => repaired),
  );
  gauge(
    'projector_audit_open',
    'Number of values that the last complete pass of the audit did not decide.',
    ofLast(({open, unchecked}) => open + unchecked),
  );
  gauge(
    'projector_audit_overdue_seconds',
    'How long the next pass of the audit has been late, in seconds.',
    ofLast((pass, nowMs) => overdueMs(pass, nowMs) / 1_000),
  );
  gauge(
    'projector_audit_requested',
    '1 while a schema change requests a pass of the audit and none has been completed since, else 0.',
    ({isRequested}) => (isRequested ? 1 : 0),
  );
}
