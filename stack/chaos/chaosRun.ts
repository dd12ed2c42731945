/**
 * One chaos run on a stack of its own: a shop trades, workers apply, and faults happen by the dice: one alone, several at
 * once, many kills in a row, and calm times in which state builds up. At quiet points everything is compared.
 *
 * The seed repeats what is tried; what meets what is up to the machine.
 */
import {setTimeout as sleep} from 'node:timers/promises';
import {Random} from '../random.js';
import type {Workload} from '../workload.js';
import type {Fault} from './fault.js';
import {TOUR, type Running} from './faults.js';
import type {Fleet} from './fleet.js';
import type {Judgement} from './oracle.js';
import {Parts, type ChaosSetup} from './parts.js';
import {WORKER_KILL} from './workerFaults.js';

const TEMPOS_PER_SECOND = [5, 20, 40, 80, 200] as const;
/** A flushed Redis is filled from the log's start, by workers with small chunks, while the shop trades. */
const RECOVERY_TIMEOUT_MS = 300_000;

export class ChaosRun {
  /** What went wrong, beside differences. The first one ends the run. */
  readonly failures: string[] = [];
  readonly notes: string[] = [];
  readonly #setup: ChaosSetup;
  readonly #random: Random;
  readonly #ending = new AbortController();
  /** Aborted at a quiet point: then every fault ends early. */
  #calming = new AbortController();
  #opened: Parts | undefined;

  private constructor(setup: ChaosSetup) {
    this.#setup = setup;
    this.#random = new Random(setup.seed);
    setup.signal.addEventListener('abort', () => this.#end(), {once: true});
  }

  /** Opens everything, and starts the first two or three workers. */
  static async open(setup: ChaosSetup): Promise<ChaosRun> {
    const run = new ChaosRun(setup);
    run.#opened = await Parts.open(setup, {
      random: run.#random,
      onFailure: (what) => run.#fail(what),
      wait: async (ms) => await run.#wait(ms),
    });
    const {fleet} = run.#parts;
    for (const host of fleet.empty.slice(0, run.#random.int(2, 3))) fleet.start(host);
    return run;
  }

  get #parts(): Parts {
    if (this.#opened === undefined) throw new Error('the run is not open');
    return this.#opened;
  }

  get fleet(): Fleet {
    return this.#parts.fleet;
  }

  get workload(): Workload {
    return this.#parts.workload;
  }

  get dataActions(): number {
    return this.#parts.trade.runs;
  }

  get activeFaults(): number {
    return this.#parts.runner.active;
  }

  /** Faults until the time is over, and until so many workers were killed. */
  async rage({untilMs, killsMin}: {untilMs: number; killsMin: number}): Promise<void> {
    const {trade, fleet} = this.#parts;
    const {journal} = this.#setup;
    this.#calming = new AbortController();
    trade.begin((error) => this.#fail(`the shop failed: ${String(error)}`));
    await this.#calm(this.#random.int(2, 5));
    if (fleet.killed === 0) await this.#tour();
    while (!this.#hasEnded && (journal.nowMs < untilMs || fleet.killed < killsMin)) {
      await this.#calm(this.#random.int(1, 5));
      const dice = this.#random.next();
      if (journal.nowMs >= untilMs || dice < 0.05) await this.#burst();
      else if (dice < 0.1) await this.#calm(this.#random.int(8, 15));
      else if (dice < 0.3) await this.#several();
      else await this.#alone();
    }
  }

  /** All faults off, the shop at rest, everything applied; then compares. */
  async judge(): Promise<Judgement | undefined> {
    const {runner, trade, markers, fleet, connector, oracle} = this.#parts;
    const {journal} = this.#setup;
    journal.note('quiet point: all faults end, the shop rests');
    this.#calming.abort();
    await runner.allOver();
    await trade.rest();
    if (this.#hasEnded) return undefined;
    const [empty] = fleet.empty;
    if (fleet.manned.length === 0 && empty !== undefined) fleet.start(empty);
    await connector.mend((trace) => this.#noteConnector(trace));
    await markers.applied({check: () => this.#requireHealthy(), timeoutMs: RECOVERY_TIMEOUT_MS});
    journal.note('everything is applied; comparing');
    return await oracle.judge(() => this.#requireHealthy());
  }

  /** The workers, in good order. */
  async stopWorkers(): Promise<void> {
    await this.#parts.fleet.stopAll();
  }

  async close(): Promise<void> {
    this.#end();
    await this.#opened?.close();
  }

  /** The shop trades at some tempo, and what runs goes on; now and then a backup is taken. */
  async #calm(forSeconds: number, {isBackedUp = this.#random.chance(0.4)} = {}): Promise<void> {
    const {trade, runner, backups} = this.#parts;
    const {journal} = this.#setup;
    trade.tempoPerSecond = this.#random.pick(TEMPOS_PER_SECOND);
    if (backups !== undefined && isBackedUp) {
      await runner.holding('redis', async () => {
        const backup = await backups.take(this.#random, journal.nowMs);
        if (backup !== undefined) journal.note(`a copy of Redis is taken: ${backup.kind}`);
      });
    }
    await this.#wait(forSeconds * 1_000);
  }

  /** What no run goes without: many kills in a row, and some faults that each stand for a guarantee. */
  async #tour(): Promise<void> {
    await this.#burst();
    for (const fault of TOUR) {
      if (this.#hasEnded) return;
      await this.#calm(this.#random.int(1, 4), {isBackedUp: fault === TOUR[0]});
      await this.#alone([fault]);
    }
  }

  async #alone(faults?: readonly Fault[]): Promise<void> {
    const running = this.#parts.runner.beginAny(faults);
    if (running !== undefined) await this.#recover([running]);
  }

  async #several(): Promise<void> {
    const all: Running[] = [];
    for (let count = this.#random.int(2, 5); count > 0 && !this.#hasEnded; count--) {
      const running = this.#parts.runner.beginAny();
      if (running !== undefined) all.push(running);
      if (this.#random.chance(0.5)) await this.#wait(this.#random.int(100, 3_000));
    }
    await this.#recover(all);
  }

  /** SIGKILL after SIGKILL, faster than the group can settle. */
  async #burst(): Promise<void> {
    const all: Running[] = [];
    for (let kills = this.#random.int(8, 14); kills > 0 && !this.#hasEnded; kills--) {
      const running = this.#parts.runner.beginAny([WORKER_KILL]);
      if (running !== undefined) all.push(running);
      await this.#wait(this.#random.int(0, 4_000));
    }
    await this.#recover(all);
  }

  /** Until the faults are over and a change that is made then is in Redis. */
  async #recover(all: readonly Running[]): Promise<void> {
    const {markers, fleet, connector} = this.#parts;
    const entries = await Promise.all(all.map(async ({over}) => await over));
    // The last workers may have been removed.
    const [empty] = fleet.empty;
    if (fleet.manned.length === 0 && empty !== undefined) fleet.start(empty);
    if (this.#hasEnded || this.#calming.signal.aborted) return;
    const overMs = performance.now();
    try {
      await markers.applied({check: () => this.#requireHealthy(), timeoutMs: RECOVERY_TIMEOUT_MS});
      this.#setup.journal.recovered(entries, performance.now() - overMs);
    } catch (error) {
      const state = await connector.state();
      this.#fail(`not recovered: ${String(error)}; the connector: ${JSON.stringify(state)}`);
    }
  }

  /** Not a failure of the worker, but something to know. */
  #noteConnector(trace: string): void {
    this.notes.push(`the connector had FAILED and was restarted: ${trace}`);
    this.#setup.journal.note(this.notes.at(-1) ?? '');
  }

  async #wait(ms: number): Promise<void> {
    await sleep(ms, undefined, {signal: this.#calming.signal}).catch(() => undefined);
  }

  get #hasEnded(): boolean {
    return this.#ending.signal.aborted;
  }

  #requireHealthy(): void {
    if (this.#hasEnded) throw new Error('the run has ended');
  }

  #fail(what: string): void {
    if (this.#hasEnded) return;
    this.failures.push(what);
    this.#setup.journal.note(`FAILED: ${what.split('\n')[0] ?? ''}`);
    this.#end();
  }

  #end(): void {
    this.#ending.abort();
    this.#calming.abort();
  }
}
