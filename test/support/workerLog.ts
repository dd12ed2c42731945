/** Reads the log of a worker, and the state of its consumer group. */
import type {LogLine, WorkerProcess} from '../../stack/worker.js';
import {withAdmin} from './kafka.js';
import {until} from './until.js';

export interface Halt {
  readonly code: number | null;
  /** The last line of the worker's log. */
  readonly line: LogLine;
}

/** Resolves when the group has this many members. A dead member counts until its session has expired. */
export async function membersAre(group: string, count: number): Promise<void> {
  await withAdmin(async (admin) => {
    const members = async (): Promise<number> =>
      (await admin.describeGroups([group])).groups[0]?.members.length ?? 0;
    await until(
      async () => (await members()) === count,
      () => `${count} members in the group ${group}`,
      60_000,
    );
  });
}

/** The partitions of the worker's last assignment. Undefined before the first one. */
export function assignedTo(worker: WorkerProcess): readonly number[] | undefined {
  const line = worker.log.findLast(({msg}) => msg === 'partitions assigned');
  return line?.['partitions'] as number[] | undefined;
}

/** How often a worker has logged this message. */
export function said(worker: WorkerProcess, msg: RegExp): number {
  return worker.log.filter((line) => msg.test(String(line['msg']))).length;
}

/** Resolves when a worker has logged this message the given number of times. */
export async function hasSaid(worker: WorkerProcess, msg: RegExp, times = 1): Promise<void> {
  await until(
    () => said(worker, msg) >= times,
    () =>
      `"${msg}" to be logged ${times} times. The end of the worker's output: ${worker.output.slice(-1_500)}`,
    60_000,
  );
}

/** Resolves when a worker has halted. */
export async function halted(worker: WorkerProcess): Promise<Halt> {
  await until(
    () => !worker.isRunning,
    () => `a halt of the worker. The end of its output: ${worker.output.slice(-1_500)}`,
    60_000,
  );
  const {code} = await worker.exited;
  return {code, line: worker.log.at(-1) ?? {}};
}

/** The answer of the worker's readiness probe; status 0 while its HTTP server does not listen. */
export async function readiness(worker: WorkerProcess): Promise<{status: number; text: string}> {
  const line = worker.log.find(({msg}) => msg === 'http server listening');
  if (line === undefined) return {status: 0, text: ''};
  const response = await fetch(`http://127.0.0.1:${String(line['port'])}/readyz`);
  return {status: response.status, text: await response.text()};
}
