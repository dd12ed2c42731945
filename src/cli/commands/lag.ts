/** `projector lag`: prints the consumer lag, once or at an interval. */
import type {Command} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import {intervalSeconds} from '../optionValues.js';
import type {LagAnswer, LagWatchAnswer} from '../answers/offsets.js';
import type {ConfigWith} from '../../config/config.js';
import {ERROR_POLICY, EXIT} from '../../runtime/errorPolicy.js';
import {asProjectorError} from '../../runtime/errors.js';
import {systemClock, type Clock} from '../../runtime/lifecycle.js';
import {readLag, type PartitionLag} from '../../observe/lag.js';
import {withLog} from '../servers.js';
import {interruptible} from '../terminal/interruption.js';
import {table, type Output} from '../terminal/output.js';
import {newProgressLine} from '../terminal/progressLine.js';
import {ScreenBlock, type BlockScreen} from '../terminal/screenBlock.js';
import {counted} from '../../runtime/counted.js';

export function addLag(program: Command, context: CommandContext): void {
  const {output, end} = context;
  program
    .command('lag')
    .description(
      'show the consumer lag: the number of records that are not yet applied to Redis. Changes nothing',
    )
    .option('--watch', 'repeat until stopped with Ctrl-C', false)
    .option('--interval <seconds>', 'interval of --watch', intervalSeconds, 2)
    .option('--json', 'print JSON; with --watch, one object per line', false)
    .action(async (options: LagOptions) => {
      const config = settingsOf(context, ['brokers', 'redisUrl']);
      end(await lag(options, {config, output}));
    });
}

export interface LagOptions {
  readonly json: boolean;
  readonly watch: boolean;
  /** Seconds between two measurements. */
  readonly interval: number;
}

interface LagContext {
  readonly config: ConfigWith<'brokers' | 'redisUrl'>;
  readonly output: Output;
}

export async function lag(options: LagOptions, {config, output}: LagContext): Promise<number> {
  const {topic: name} = config;
  return await withLog(config, async ({topic, positions, partitionCount}) => {
    const read = async (): Promise<PartitionLag[]> => await readLag(topic, positions, partitionCount);
    if (!options.watch) {
      for (const line of lagLines(await read(), {...options, topic: name})) output.line(line);
      return EXIT.ok;
    }
    const screen = process.stdout.isTTY && !options.json ? process.stdout : null;
    return await interruptible(
      newProgressLine(output),
      async (signal) => {
        await watchLag(read, {...options, topic: name, output, screen, clock: systemClock}, signal);
        return EXIT.ok;
      },
      null,
    );
  });
}

export interface WatchOptions extends Pick<LagOptions, 'json' | 'interval'> {
  readonly topic: string;
  readonly output: Output;
  /** The terminal to redraw on. It is null if stdout is not a terminal, and for JSON. */
  readonly screen: BlockScreen | null;
  readonly clock: Clock;
}

/**
 * Prints the consumer lag until the signal aborts. An unreachable server at the first measurement is an error. If a server becomes
 * unreachable later, the measurement is retried at the next interval.
 */
export async function watchLag(
  read: () => Promise<readonly PartitionLag[]>,
  {json, interval, topic, output, screen, clock}: WatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const block = screen === null ? null : new ScreenBlock(screen);
  let last: readonly PartitionLag[] | undefined;
  while (!signal.aborted) {
    const at = new Date(clock.nowMs()).toISOString();
    const {rows, trouble} = await look(read, last !== undefined);
    if (rows !== undefined) last = rows;
    if (block !== null) {
      const shown = lagLines(last ?? [], {json: false, topic});
      block.draw([
        `${at}, every ${interval} s, stop with Ctrl-C`,
        ...shown,
        ...(trouble === undefined ? [] : [trouble]),
      ]);
    } else if (rows === undefined) output.note(`${at} ${trouble ?? ''}`);
    else if (json) output.line(JSON.stringify({at, ...jsonOf(rows, topic)} satisfies LagWatchAnswer));
    else output.line(`${at} ${totalLine(rows, topic)} (${rows.map(shortOf).join(', ')})`);
    await clock.sleep(interval * 1_000, signal);
  }
}

async function look(
  read: () => Promise<readonly PartitionLag[]>,
  mayWait: boolean,
): Promise<{rows?: readonly PartitionLag[]; trouble?: string}> {
  try {
    return {rows: await read()};
  } catch (error) {
    const failure = asProjectorError(error);
    if (!mayWait || ERROR_POLICY[failure.kind].next === 'halt') throw failure;
    return {trouble: `waiting: ${failure.detail}`};
  }
}

function lagLines(
  rows: readonly PartitionLag[],
  {json, topic}: {readonly json: boolean; readonly topic: string},
): string[] {
  if (json) return [JSON.stringify(jsonOf(rows, topic))];
  const cells = rows.map((row) => [
    String(row.partition),
    row.position?.toString() ?? 'none',
    String(row.end),
    String(row.lagRecords),
  ]);
  return [...table(['partition', 'position', 'end', 'lag'], cells), totalLine(rows, topic)];
}

function jsonOf(rows: readonly PartitionLag[], topic: string): LagAnswer {
  const partitions = rows.map((row) => ({
    partition: row.partition,
    position: row.position?.toString() ?? null,
    end: row.end.toString(),
    lagRecords: row.lagRecords.toString(),
  }));
  return {topic, lagRecords: totalOf(rows).toString(), partitions};
}

function totalLine(rows: readonly PartitionLag[], topic: string): string {
  return `consumer lag of ${topic}: ${counted(totalOf(rows), 'record')}`;
}

function shortOf({partition, lagRecords}: PartitionLag): string {
  return `partition ${partition}: ${lagRecords}`;
}

function totalOf(rows: readonly PartitionLag[]): bigint {
  return rows.reduce((sum, row) => sum + row.lagRecords, 0n);
}
