/** The last lines of a run. */
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
    `seed ${options.seed}, ${(journal.nowMs / 60_000).toFixed(1)} minutes, ${options.mode}`,
    `shop: ${workload.committed} transactions in ${dataActions} runs, ${workload.rolledBack} rolled back, ${workload.conflicts} conflicts`,
    `log: ${last?.records ?? '?'} records, ${last?.badRecords ?? '?'} of them bad; ${last?.orders ?? '?'} orders and ${last?.keys ?? '?'} keys in Redis`,
    `workers: ${fleet.started} started, ${fleet.killed} ended by SIGKILL; they applied ${totals.applied} records, ` +
      `compared ${totals.duplicate}, ignored ${totals.ignored}, set ${totals.quarantined} aside, and went back ${totals.positionResets} times`,
    `faults: ${journal.faults.length} (${journal.families()})`,
    'recovery, from the end of a fault that came alone until a change made then was in Redis:',
    `  ${'fault'.padEnd(28)} ${'times'.padStart(5)} ${'alone'.padStart(5)}  ${'median'.padStart(8)}  ${'worst'.padStart(8)}`,
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
    'What was done:',
    ...(left > 0 ? [`  (${left} earlier lines are in actions.txt)`] : []),
    ...actions.slice(-ACTIONS_SHOWN),
    ...run.failures.map((failure) => `FAILED: ${failure}`),
    ...differences.slice(0, DIFFERENCES_SHOWN).map((line) => `  ${line}`),
    `${differences.length} differences, ${run.failures.length} failures.`,
  ];
}

export function goodLine({judgements}: Outcome): string {
  const points = judgements.length === 1 ? 'one quiet point' : `${judgements.length} quiet points`;
  return `0 differences at ${points}: Redis equals MySQL, the fold of the log, and a rebuild by a fresh worker; every record has one outcome.`;
}

function inSeconds(ms: number): string {
  return (Number.isNaN(ms) ? '-' : `${(ms / 1_000).toFixed(1)} s`).padStart(8);
}
