import {readFileSync} from 'node:fs';

/** Identifies a process. The kernel reuses process ids, so on Linux the start time is part of the identity. */
export interface ProcessIdentity {
  pid: number;
  startTicks?: string | undefined;
}

export function identityOf(pid: number): ProcessIdentity {
  return {pid, startTicks: processStat(pid)?.startTicks};
}

/** Whether the process runs. False for a zombie, because it has ended and only waits for its parent. */
export function isAlive(process_: ProcessIdentity): boolean {
  try {
    process.kill(process_.pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  const stat = processStat(process_.pid);
  if (stat === undefined) return process.platform !== 'linux';
  return stat.state !== 'Z' && (process_.startTicks === undefined || process_.startTicks === stat.startTicks);
}

export function kill(process_: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(process_)) return;
  try {
    process.kill(process_.pid, signal);
  } catch {
    // The process ended between the check and the signal.
  }
}

function processStat(pid: number): {state: string; startTicks: string} | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command name is in parentheses and may contain spaces. After the last parenthesis all fields are plain.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTicks = fields[19];
  return state === undefined || startTicks === undefined ? undefined : {state, startTicks};
}
