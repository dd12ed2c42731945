/**
 * Places where a test may let the worker die, stand still or fail, so that every crash that can be thought of can be made to
 * happen. Without the setting FAILPOINT they do nothing.
 *
 *   after-apply:kill       SIGKILL at the first time that the place is reached
 *   after-apply:kill@3     at the third time
 *   after-fetch:block      the event loop stands still for 15 s
 *   before-apply:throw     an error that nobody expects
 *   before-ack:uncaught    an exception outside of every promise
 */

/** In the order in which a record meets them. */
export const FAILPOINT_NAMES = [
  'after-fetch',
  'after-decode',
  'before-apply',
  'script-in-flight',
  'after-apply',
  'before-ack',
  'ack-in-flight',
  'after-ack',
] as const;
export type FailpointName = (typeof FAILPOINT_NAMES)[number];

export const FAILPOINT_ACTIONS = ['kill', 'block', 'throw', 'uncaught'] as const;
export type FailpointAction = (typeof FAILPOINT_ACTIONS)[number];

/** Called when the place is reached. */
export type Failpoint = (name: FailpointName) => void;

export interface FailpointPlan {
  readonly name: FailpointName;
  readonly action: FailpointAction;
  /** Counted from 1. */
  readonly time: number;
}

export const noFailpoint: Failpoint = () => undefined;

/** Reads `name:action` or `name:action@time`; undefined when it is none. */
export function parseFailpoint(text: string): FailpointPlan | undefined {
  const [, name, action, time = '1'] = /^([a-z-]+):([a-z]+)(?:@([1-9]\d{0,5}))?$/.exec(text) ?? [];
  const known = FAILPOINT_NAMES.find((candidate) => candidate === name);
  const does = FAILPOINT_ACTIONS.find((candidate) => candidate === action);
  if (known === undefined || does === undefined) return undefined;
  return {name: known, action: does, time: Number(time)};
}

/** Acts once, when the place of the plan is reached for the given time. */
export function failpoint(plan: FailpointPlan, act: (action: FailpointAction) => void): Failpoint {
  let reached = 0;
  return (name) => {
    if (name !== plan.name) return;
    reached++;
    if (reached === plan.time) act(plan.action);
  };
}
