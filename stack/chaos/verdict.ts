/** The last lines that a run prints. */
import type {ChaosRun} from './chaosRun.js';
import type {Journal} from './journal.js';
import type {ChaosOptions} from './options.js';
import type {Judgement} from './oracle.js';

const DIFFERENCES_SHOWN = 20;
const ACTIONS_SHOWN = 400;

export interface Outcome {
  readonly options: ChaosOptions;
  readonly journal: Journal;
  readonly run: ChaosRun;
  /** One for each quiet point. */
  readonly judgements: readonly Judgement[];
}

export function isGood({run, judgements}: Outcome): boolean {
  return (
    run.failures.length === 0 &&
    judgements.length > 0 &&
    judgements.every((found) => found.differences.length === 0)
  );
}

export function figures({options, journal, run, judgements}: Outcome): string[] {
  const {workload, fleet, dataActions} = run;
  const {totals} = fleet.books;
  const last = judgements.at(-1);
  return [
    `seed ${options.seed}, ${(journal.nowMs / 60_000).toFixed(1)} minutes, ${options.mode}, Redis ${options.redis}`,
    `shop: ${workload.committed} transactions in ${dataActions} series, ${workload.rolledBack} rolled back, ${workload.conflicts} conflicts`,
    `topic: ${last?.records ?? '?'} records, ${last?.badRecords ?? '?'} of them bad; ${last?.orders ?? '?'} orders and ${last?.keys ?? '?'} keys in Redis`,
    `workers: ${fleet.started} started, ${fleet.killed} ended by SIGKILL; they applied ${totals.applied} records, ` +
      `found ${totals.duplicate} duplicates, ignored ${totals.ignored}, quarantined ${totals.quarantined}, ` +
      `and reset to the stored position ${totals.positionResets} times`,
    `faults: ${journal.faults.length} (${journal.families()})`,
    'recovery time of single faults, from the end of the fault until a change made at that moment was in Redis:',
    `  ${'fault'.padEnd(28)} ${'count'.padStart(5)} ${'alone'.padStart(5)}  ${'median'.padStart(8)}  ${'max'.padStart(8)}`,
    ...journal
      .recoveries()
      .map(
        ({name, times, measured, medianMs, worstMs}) =>
          `  ${name.padEnd(28)} ${String(times).padStart(5)} ${String(measured).padStart(5)}  ${inSeconds(medianMs)}  ${inSeconds(worstMs)}`,
      ),
    ...run.notes,
  ];
}

export function failureLines({journal, run, judgements}: Outcome): string[] {
  const differences = judgements.flatMap((found) => found.differences);
  const actions = journal.lines();
  const left = actions.length - ACTIONS_SHOWN;
  return [
    'Actions of this run:',
    ...(left > 0 ? [`  (${left} earlier actions are in actions.txt)`] : []),
    ...actions.slice(-ACTIONS_SHOWN),
    ...run.failures.map((failure) => `FAILED: ${failure}`),
    ...differences.slice(0, DIFFERENCES_SHOWN).map((line) => `  ${line}`),
    `${differences.length} differences, ${run.failures.length} failures.`,
  ];
}

export function goodLine({options, judgements}: Outcome): string {
  const points = judgements.length === 1 ? 'one quiet point' : `${judgements.length} quiet points`;
  return `0 differences at ${points}: Redis equals MySQL${options.redis === 'single' ? '' : ' (also for `projector verify`)'}, the fold of the topic, and a rebuild by a new worker; every record has exactly one outcome.`;
}

function inSeconds(ms: number): string {
  return (Number.isNaN(ms) ? '-' : `${(ms / 1_000).toFixed(1)} s`).padStart(8);
}
