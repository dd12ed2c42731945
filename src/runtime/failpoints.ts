/**
 * Places where a test can kill, block or stop the worker, so that tests can reproduce a crash at each of them.
 *
 * The failpoints do nothing without the setting PROJECTOR_FAILPOINT:
 *
 *   after-apply:kill       sends SIGKILL when the worker reaches the place for the first time
 *   after-apply:kill@3     sends SIGKILL at the third time
 *   after-fetch:block      blocks the event loop for 15 s
 *   before-apply:throw     throws an error that no code handles specially
 *   before-offset-commit:uncaught    throws an exception outside of every promise
 */

/** The names are in the order in which a record reaches the places. */
export const FAILPOINT_NAMES = [
  'after-fetch',
  'after-decode',
  'before-apply',
  'script-in-flight',
  'after-apply',
  'merge-in-flight',
  'after-merge',
  'before-offset-commit',
  'offset-commit-in-flight',
  'after-offset-commit',
] as const;
export type FailpointName = (typeof FAILPOINT_NAMES)[number];

/** Only a worker in the layout `partitioned` reaches these. */
export const MERGE_FAILPOINTS: readonly FailpointName[] = ['merge-in-flight', 'after-merge'];

export const FAILPOINT_ACTIONS = ['kill', 'block', 'throw', 'uncaught'] as const;
export type FailpointAction = (typeof FAILPOINT_ACTIONS)[number];

/** The worker calls this function when it reaches the place. */
export type Failpoint = (name: FailpointName) => void;

export interface FailpointPlan {
  readonly name: FailpointName;
  readonly action: FailpointAction;
  /** The failpoint acts when the worker reaches the place for this time, counted from 1. */
  readonly time: number;
}

export const noFailpoint: Failpoint = () => undefined;

/** Parses `name:action` or `name:action@time`. Returns undefined if the text has another form or an unknown name. */
export function parseFailpoint(text: string): FailpointPlan | undefined {
  const [, name, action, time = '1'] = /^([a-z-]+):([a-z]+)(?:@([1-9]\d{0,5}))?$/.exec(text) ?? [];
  const known = FAILPOINT_NAMES.find((candidate) => candidate === name);
  const does = FAILPOINT_ACTIONS.find((candidate) => candidate === action);
  if (known === undefined || does === undefined) return undefined;
  return {name: known, action: does, time: Number(time)};
}

/** Calls `act` once, when the worker reaches the place of the plan for the given time. */
export function failpoint(plan: FailpointPlan, act: (action: FailpointAction) => void): Failpoint {
  let reached = 0;
  return (name) => {
    if (name !== plan.name) return;
    reached++;
    if (reached === plan.time) act(plan.action);
  };
}
