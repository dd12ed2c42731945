/** Records the actions of a run with their times. A failed run prints them; the verdict prints the figures. */
import {FAMILIES, type Fault, type Family} from './fault.js';

export interface FaultEntry {
  readonly fault: Pick<Fault, 'name' | 'family'>;
  readonly atMs: number;
  readonly what: string;
  overMs: number | undefined;
  /** Time from the end of the fault until a change made at that moment was in Redis. Only for single faults. */
  recoveryMs: number | undefined;
}

interface Line {
  readonly atMs: number;
  readonly text: string;
}

interface Recovery {
  readonly name: string;
  readonly times: number;
  readonly measured: number;
  readonly medianMs: number;
  readonly worstMs: number;
}

export class Journal {
  readonly faults: FaultEntry[] = [];
  readonly #startMs = performance.now();
  readonly #lines: Line[] = [];

  get nowMs(): number {
    return performance.now() - this.#startMs;
  }

  note(text: string): void {
    this.#lines.push({atMs: this.nowMs, text});
  }

  begin(fault: FaultEntry['fault'], what: string): FaultEntry {
    const entry = {fault, what, atMs: this.nowMs, overMs: undefined, recoveryMs: undefined};
    this.faults.push(entry);
    this.note(what);
    return entry;
  }

  over(entry: FaultEntry): void {
    entry.overMs = this.nowMs;
    this.note(`  ended after ${((entry.overMs - entry.atMs) / 1_000).toFixed(1)} s: ${entry.what}`);
  }

  recovered(entries: readonly FaultEntry[], recoveryMs: number): void {
    const [first] = entries;
    if (entries.length === 1 && first !== undefined) first.recoveryMs = recoveryMs;
    this.note(`  recovered ${(recoveryMs / 1_000).toFixed(1)} s later`);
  }

  /** The number of faults of one family. */
  count(family: Family): number {
    return this.faults.filter(({fault}) => fault.family === family).length;
  }

  /** The counts in the verdict, such as `kills 14, pauses 5`. */
  families(): string {
    return FAMILIES.map((family) => ({family, count: this.count(family)}))
      .filter(({count}) => count > 0)
      .map(({family, count}) => `${family} ${count}`)
      .join(', ');
  }

  recoveries(): Recovery[] {
    const names = [...new Set(this.faults.map(({fault}) => fault.name))].sort();
    return names.map((name) => {
      const entries = this.faults.filter(({fault}) => fault.name === name);
      const times = entries
        .map(({recoveryMs}) => recoveryMs)
        .filter((ms) => ms !== undefined)
        .sort((a, b) => a - b);
      return {
        name,
        times: entries.length,
        measured: times.length,
        medianMs: times[Math.floor((times.length - 1) / 2)] ?? NaN,
        worstMs: times.at(-1) ?? NaN,
      };
    });
  }

  /** Lines such as `  12.3 s  SIGKILL of the worker on host 2`. */
  lines(): string[] {
    return this.#lines.map(({atMs, text}) => `${(atMs / 1_000).toFixed(1).padStart(7)} s  ${text}`);
  }
}
