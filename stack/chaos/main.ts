/**
 * `npm run chaos`: see HELP in options.ts. It prints a progress line every 5 s, or updates one line on a terminal. At the
 * end it prints the figures and one verdict.
 */
import {cpSync, existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {stackFolder} from '../folders.js';
import {startStack} from '../stack.js';
import {EXIT_CODE, messageOf, StackError} from '../stackError.js';
import {ChaosRun} from './chaosRun.js';
import {Journal} from './journal.js';
import {HELP, readOptions, type ChaosOptions} from './options.js';
import type {Judgement} from './oracle.js';
import {failureLines, figures, goodLine, isGood, type Outcome} from './verdict.js';

const PROGRESS_MS = 5_000;
const LIVING_MS = 500;
/** Runs of at least this length have a second quiet point in the middle. */
const LONG_RUN_MINUTES = 5;
/** Shorter runs inject only the faults that take little time at least once. */
const SHORT_RUN_MINUTES = 1;

const interrupted = new AbortController();
process.exitCode = await main();

async function main(): Promise<number> {
  let options: ChaosOptions | undefined;
  try {
    options = readOptions(process.argv.slice(2), {
      seed: Date.now() % 1_000_000_000,
      name: `chaos-${process.pid}`,
    });
  } catch (error) {
    process.stderr.write(`chaos: ${messageOf(error)}\nSee: npm run chaos -- --help\n`);
    return EXIT_CODE.usage;
  }
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  const folder = mkdtempSync(join(tmpdir(), 'order-projector-chaos-'));
  let code: number;
  try {
    code = await onStack(options, folder);
  } catch (error) {
    if (!interrupted.signal.aborted) say(`The chaos run failed: ${messageOf(error)}`);
    code = error instanceof StackError ? error.exitCode : EXIT_CODE.unexpected;
  }
  if (interrupted.signal.aborted) code = EXIT_CODE.interrupted;
  if (code === EXIT_CODE.unexpected || (options.keepLogs && code !== EXIT_CODE.interrupted))
    say(`The logs are in ${folder}`);
  else rmSync(folder, {recursive: true, force: true});
  return code;
}

/** The first signal stops everything in order. After the second one the supervisor stops the servers of the dead process. */
function interrupt(): void {
  if (interrupted.signal.aborted) process.exit(EXIT_CODE.interrupted);
  say('stopping ...');
  interrupted.abort();
}

async function onStack(options: ChaosOptions, folder: string): Promise<number> {
  say(`Injecting faults for ${options.minutes} minutes, with the seed ${options.seed}`);
  const stack = await startStack({
    name: options.name,
    mode: options.mode,
    ownerPid: process.pid,
    onProgress: (line) => say(`  ${line}`),
    signal: interrupted.signal,
  });
  const journal = new Journal();
  let outcome: (Outcome & {judgements: Judgement[]}) | undefined;
  try {
    const run = await ChaosRun.open({
      stack,
      redisKind: options.redis,
      isShort: options.minutes < SHORT_RUN_MINUTES,
      seed: options.seed,
      journal,
      folder,
      signal: interrupted.signal,
    });
    try {
      outcome = {options, journal, run, judgements: []};
      await rageAndJudge(outcome);
      return interrupted.signal.aborted ? EXIT_CODE.interrupted : notify(outcome);
    } finally {
      await run.close();
    }
  } finally {
    if (outcome !== undefined) keep(outcome, {folder, stackName: options.name});
    await stack.down();
  }
}

/** Adds each judgement to the outcome as soon as it is known, so that it is kept if the run fails later. */
async function rageAndJudge({
  options,
  journal,
  run,
  judgements,
}: Outcome & {judgements: Judgement[]}): Promise<void> {
  const progress = setInterval(
    () => tellProgress(run, journal),
    process.stdout.isTTY ? LIVING_MS : PROGRESS_MS,
  );
  try {
    const endMs = journal.nowMs + options.minutes * 60_000;
    const isLong = options.minutes >= LONG_RUN_MINUTES;
    const stages = isLong ? [journal.nowMs + (options.minutes * 60_000) / 2, endMs] : [endMs];
    for (const untilMs of stages) {
      await run.rage({untilMs, killsMin: untilMs === endMs ? options.killsMin : 0});
      const judgement = await run.judge();
      if (judgement === undefined || run.failures.length > 0) return;
      judgements.push(judgement);
      say(
        `quiet point after ${(journal.nowMs / 1_000).toFixed(0)} s: ${judgement.differences.length} differences`,
      );
      if (judgement.differences.length > 0) return;
    }
    // In the layout `partitioned` the audit needs one pass more, which a short run leaves out.
    const isSilenced = options.redis === 'single' || options.minutes >= SHORT_RUN_MINUTES;
    await judgeAudit(run, run.audited, isSilenced);
    if (run.failures.length === 0) await run.stopWorkers();
  } catch (error) {
    run.failures.push(messageOf(error));
  } finally {
    clearInterval(progress);
  }
}

/** The audit must have found nothing during the faults. If silent changes are made afterwards, it must find every one. */
async function judgeAudit(
  run: ChaosRun,
  {passes, places}: ChaosRun['audited'],
  isSilenced: boolean,
): Promise<void> {
  say(`audit: ${passes} passes during the faults, ${places.length} differences`);
  if (places.length > 0) {
    run.failures.push(
      `the audit found differences that did not exist: ${JSON.stringify(places.slice(0, 20))}`,
    );
    return;
  }
  if (!isSilenced) return;
  const differences = await run.silence();
  const found = run.audited.places.length;
  say(`silent changes: the audit found ${found} places; ${differences.length} differences afterwards`);
  if (differences.length > 0)
    run.failures.push(`silent changes remain: ${differences.slice(0, 20).join('; ')}`);
  if (found === 0) run.failures.push('the audit found none of the silent changes');
}

function notify(outcome: Outcome): number {
  const {options} = outcome;
  for (const line of figures(outcome)) say(line);
  if (isGood(outcome)) {
    say(goodLine(outcome));
    return 0;
  }
  for (const line of failureLines(outcome)) say(line);
  say(
    `To repeat this run: npm run chaos -- --seed ${options.seed} --minutes ${options.minutes} --redis ${options.redis} --${options.mode}`,
  );
  return EXIT_CODE.unexpected;
}

/** Writes the list of actions and the servers' logs next to the workers' logs. */
function keep({journal}: Outcome, {folder, stackName}: {folder: string; stackName: string}): void {
  writeFileSync(join(folder, 'actions.txt'), `${journal.lines().join('\n')}\n`);
  const logs = join(stackFolder(stackName), 'logs');
  if (existsSync(logs)) cpSync(logs, join(folder, 'servers'), {recursive: true});
}

function tellProgress({workload, fleet, activeFaults}: ChaosRun, journal: Journal): void {
  const line =
    `${(journal.nowMs / 1_000).toFixed(0).padStart(5)} s  ${workload.committed} transactions, ` +
    `${fleet.manned.length} workers (${fleet.killed} killed so far), ${journal.faults.length} faults (${activeFaults} active): ` +
    (journal.lines().at(-1)?.slice(11).trim() ?? '');
  if (process.stdout.isTTY)
    process.stdout.write(`\r\u001b[K${line.slice(0, (process.stdout.columns || 80) - 1)}`);
  else process.stdout.write(`${line}\n`);
}

function say(line: string): void {
  process.stdout.write(`${process.stdout.isTTY ? '\r\u001b[K' : ''}${line}\n`);
}
