/** Measures the CPU time and the maximum memory of processes. It reads /proc; on other systems both are unknown. */
import {readFileSync} from 'node:fs';

export interface ProcessCost {
  /** Sum over the processes. Null if the system has no /proc. */
  readonly cpuSeconds: number | null;
  /** Maximum resident memory of the largest process, in bytes. */
  readonly memoryMaxBytes: number | null;
}

const SAMPLE_MS = 100;
const TICKS_PER_SECOND = 100;

export class ProcessMeter {
  readonly #pids: readonly number[];
  readonly #cpu = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  #memoryMaxBytes: number | null = null;

  constructor(pids: readonly number[]) {
    this.#pids = pids;
    // A run that fails does not call `end`. The timer must not keep the benchmark alive then.
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS).unref();
  }

  /** Current resident memory of the largest process, in bytes. */
  memoryBytes(): number | null {
    const sizes = this.#pids.flatMap((pid) => residentBytes(pid) ?? []);
    return sizes.length === 0 ? null : Math.max(...sizes);
  }

  end(): ProcessCost {
    this.#sample();
    clearInterval(this.#timer);
    const cpuSeconds =
      this.#cpu.size === 0 ? null : [...this.#cpu.values()].reduce((sum, seconds) => sum + seconds, 0);
    return {cpuSeconds, memoryMaxBytes: this.#memoryMaxBytes};
  }

  #sample(): void {
    for (const pid of this.#pids) {
      const seconds = cpuSeconds(pid);
      if (seconds !== undefined) this.#cpu.set(pid, seconds);
    }
    const now = this.memoryBytes();
    if (now !== null) this.#memoryMaxBytes = Math.max(now, this.#memoryMaxBytes ?? 0);
  }
}

function residentBytes(pid: number): number | undefined {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(procFile(pid, 'status'));
  return match === null ? undefined : Number(match[1]) * 1_024;
}

function cpuSeconds(pid: number): number | undefined {
  // The second field is the program name in parentheses, so the fields after it are counted from the parenthesis.
  const fields = procFile(pid, 'stat').split(') ')[1]?.split(' ');
  const [user, system] = [fields?.[11], fields?.[12]];
  return user === undefined || system === undefined
    ? undefined
    : (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
