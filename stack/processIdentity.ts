import {readFileSync} from 'node:fs';

/** A process that stays the same process: numbers are used again, so on Linux the start time is part of it. */
export interface ProcessIdentity {
  pid: number;
  startTicks?: string | undefined;
}

export function identityOf(pid: number): ProcessIdentity {
  return {pid, startTicks: processStat(pid)?.startTicks};
}

/** False for a zombie too: it runs no more, its parent has only not asked yet. */
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
    // It ended between the two lines.
  }
}

function processStat(pid: number): {state: string; startTicks: string} | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command's name stands in parentheses and may hold spaces; everything behind the last one is plain fields.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTicks = fields[19];
  return state === undefined || startTicks === undefined ? undefined : {state, startTicks};
}
