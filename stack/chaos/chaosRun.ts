/**
 * One chaos run on its own stack. A simulated shop writes, workers apply, and random faults are injected: single faults,
 * several at once, series of kills, and calm periods. At quiet points everything is compared.
 *
 * The seed repeats the sequence of faults and transactions, but not their timing.
 */
import {onAbort} from '../../src/runtime/lifecycle.js';
import {setTimeout as sleep} from 'node:timers/promises';
import {Random} from '../random.js';
import type {Workload} from '../workload.js';
import {until} from '../until.js';
import type {AuditedPlace} from './auditor.js';
import type {Fault} from './fault.js';
import {tourOf, type Running} from './faults.js';
import type {Fleet} from './fleet.js';
import type {Judgement} from './oracle.js';
import {Parts, type ChaosSetup} from './parts.js';
import {makeSilentChanges} from './silentChanges.js';
import {WORKER_KILL} from './workerFaults.js';

/** How a run begins: the number of kills, the longest pause between two, and the seconds before each fault that every run injects. */
interface Pace {
  readonly kills: readonly [min: number, max: number];
  readonly pauseMaxMs: number;
  readonly calmSeconds: readonly [min: number, max: number];
}
const PACES: Readonly<Record<'short' | 'long', Pace>> = {
  short: {kills: [2, 3], pauseMaxMs: 1_500, calmSeconds: [1, 1]},
  long: {kills: [8, 14], pauseMaxMs: 4_000, calmSeconds: [1, 4]},
};
const TEMPOS_PER_SECOND = [5, 20, 40, 80, 200] as const;
/** Long enough for a replay of the whole topic into a flushed Redis, with small chunks and while the shop writes. */
const RECOVERY_TIMEOUT_MS = 300_000;

export class ChaosRun {
  /** Failures other than differences. The first one ends the run. */
  readonly failures: string[] = [];
  readonly notes: string[] = [];
  readonly #setup: ChaosSetup;
  readonly #random: Random;
  readonly #ending = new AbortController();
  /** Aborted at a quiet point, so that every fault ends early. */
  #calming = new AbortController();
  #opened: Parts | undefined;

  private constructor(setup: ChaosSetup) {
    this.#setup = setup;
    this.#random = new Random(setup.seed);
    onAbort(setup.signal, () => this.#end());
  }

  /** Opens all parts and starts the first two or three workers. */
  static async open(setup: ChaosSetup): Promise<ChaosRun> {
    const run = new ChaosRun(setup);
    run.#opened = await Parts.open(setup, {
      random: run.#random,
      onFailure: (what) => run.#fail(what),
      wait: async (ms) => await run.#wait(ms),
    });
    const {fleet} = run.#parts;
    for (const host of fleet.empty.slice(0, run.#random.int(2, 3))) fleet.start(host);
    run.#parts.auditor.start();
    return run;
  }

  get #parts(): Parts {
    if (this.#opened === undefined) throw new Error('the parts of the chaos run are not open');
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

  /** Injects faults until the time has passed and `killsMin` workers were killed. */
  async rage({untilMs, killsMin}: {untilMs: number; killsMin: number}): Promise<void> {
    const {trade, fleet} = this.#parts;
    const {journal} = this.#setup;
    this.#calming = new AbortController();
    trade.begin((error) => this.#fail(`the simulated shop failed: ${String(error)}`));
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

  /** Ends all faults, stops the shop, waits until everything is applied, and compares. */
  async judge(): Promise<Judgement | undefined> {
    const {runner, trade, markers, fleet, connector, oracle} = this.#parts;
    const {journal} = this.#setup;
    journal.note('quiet point: ending all faults and stopping the shop');
    this.#calming.abort();
    await runner.allOver();
    await trade.rest();
    if (this.#hasEnded) return undefined;
    const [empty] = fleet.empty;
    if (fleet.manned.length === 0 && empty !== undefined) fleet.start(empty);
    await connector.repair((trace) => this.#noteConnector(trace));
    await markers.applied({check: () => this.#requireHealthy(), timeoutMs: RECOVERY_TIMEOUT_MS});
    journal.note('quiet point: everything is applied, comparing');
    return await oracle.judge(() => this.#requireHealthy());
  }

  /** What the audit did so far, for the verdict. */
  get audited(): {readonly passes: number; readonly places: readonly AuditedPlace[]} {
    return this.#parts.auditor;
  }

  /**
   * Makes silent changes while the shop writes and workers are killed. Resolves when the audit has completed a pass after them, with the
   * differences between Redis and MySQL.
   */
  async silence(): Promise<readonly string[]> {
    const {root, trade, fleet, auditor, markers, oracle} = this.#parts;
    const {journal, redisKind} = this.#setup;
    const random = this.#random;
    trade.tempoPerSecond = 20;
    trade.begin((error) => this.#fail(`the simulated shop failed: ${String(error)}`));
    const note = (what: string): void => journal.note(what);
    const between = async (): Promise<void> => {
      const [host] = fleet.manned;
      if (host === undefined || !random.chance(0.5)) return;
      await fleet.end(host, 'SIGKILL');
      fleet.start(host);
    };
    await makeSilentChanges(root, {random, note, between});
    await trade.rest();
    await markers.applied({check: () => this.#requireHealthy(), timeoutMs: RECOVERY_TIMEOUT_MS});
    // A pass that has begun may have looked before the last change, so a second one must end. In the layout `partitioned`, a third one repairs
    // the sums.
    const goal = auditor.passes + (redisKind === 'single' ? 2 : 3);
    await until(
      () => {
        this.#requireHealthy();
        return auditor.passes >= goal;
      },
      () => 'the passes of the audit after the silent changes',
      RECOVERY_TIMEOUT_MS,
    );
    return await oracle.differencesFromMysql();
  }

  /** Stops the workers and the audit with SIGTERM. */
  async stopWorkers(): Promise<void> {
    await this.#parts.fleet.stopAll();
    await this.#parts.auditor.end('SIGTERM');
  }

  async close(): Promise<void> {
    this.#end();
    await this.#opened?.close();
  }

  /** A period without new faults. The shop writes at a random rate, and sometimes a copy of Redis is taken. */
  async #calm(forSeconds: number, {isBackedUp = this.#random.chance(0.4)} = {}): Promise<void> {
    const {trade, runner, backups} = this.#parts;
    const {journal} = this.#setup;
    trade.tempoPerSecond = this.#random.pick(TEMPOS_PER_SECOND);
    if (backups !== undefined && isBackedUp) {
      await runner.holding('redis', async () => {
        const backup = await backups.take(this.#random, journal.nowMs);
        if (backup !== undefined) journal.note(`copied the data of Redis: ${backup.kind}`);
      });
    }
    await this.#wait(forSeconds * 1_000);
  }

  /** The mandatory part of each run: a series of kills, and one fault for each of several guarantees. */
  async #tour(): Promise<void> {
    await this.#burst();
    const tour = tourOf(this.#setup.redisKind, this.#setup.isShort);
    for (const fault of tour) {
      if (this.#hasEnded) return;
      await this.#calm(this.#random.int(...this.#pace.calmSeconds), {isBackedUp: fault === tour[0]});
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

  /** Kills workers one after the other, faster than the consumer group can complete its rebalances. */
  async #burst(): Promise<void> {
    const all: Running[] = [];
    const {kills: range, pauseMaxMs} = this.#pace;
    for (let kills = this.#random.int(...range); kills > 0 && !this.#hasEnded; kills--) {
      const running = this.#parts.runner.beginAny([WORKER_KILL]);
      if (running !== undefined) all.push(running);
      await this.#wait(this.#random.int(0, pauseMaxMs));
    }
    await this.#recover(all);
  }

  /** Waits until the faults have ended and a change made afterwards is in Redis. */
  async #recover(all: readonly Running[]): Promise<void> {
    const {markers, fleet, connector} = this.#parts;
    const entries = await Promise.all(all.map(async ({over}) => await over));
    // The faults may have removed the last worker.
    const [empty] = fleet.empty;
    if (fleet.manned.length === 0 && empty !== undefined) fleet.start(empty);
    if (this.#hasEnded || this.#calming.signal.aborted) return;
    const overMs = performance.now();
    try {
      await markers.applied({check: () => this.#requireHealthy(), timeoutMs: RECOVERY_TIMEOUT_MS});
      this.#setup.journal.recovered(entries, performance.now() - overMs);
    } catch (error) {
      const state = await connector.state();
      this.#fail(
        `no recovery after a fault: ${String(error)}; state of the connector: ${JSON.stringify(state)}`,
      );
    }
  }

  /** Notes a failed connector. That is not a failure of the worker, but the user should see it. */
  #noteConnector(trace: string): void {
    this.notes.push(`the connector was in the state FAILED and was restarted: ${trace}`);
    this.#setup.journal.note(this.notes.at(-1) ?? '');
  }

  async #wait(ms: number): Promise<void> {
    await sleep(ms, undefined, {signal: this.#calming.signal}).catch(() => undefined);
  }

  get #pace(): Pace {
    return PACES[this.#setup.isShort ? 'short' : 'long'];
  }

  get #hasEnded(): boolean {
    return this.#ending.signal.aborted;
  }

  #requireHealthy(): void {
    if (this.#hasEnded) throw new Error('the chaos run has ended');
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
