/** `projector offsets reset`: sets positions back, so that the workers replay the topic over live data. */
import {InvalidArgumentError, type Command} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {RedisClient} from '../../clients/redis/client.js';
import {kafkaSettings, redisSettings} from '../../config/clientOptions.js';
import type {OffsetsResetAnswer} from '../answers/offsets.js';
import type {ConfigWith} from '../../config/config.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {ProjectorError} from '../../runtime/errors.js';
import {planReset, resetPosition, type PositionReset} from '../../operations/rebuild/positionReset.js';
import type {KeyLayout} from '../../redis-model/keys.js';
import {table, type Output} from '../terminal/output.js';
import {checkReadModel} from '../preflight.js';
import {standardTerminal, type Terminal} from '../terminal/terminal.js';

export function addOffsetsReset(offsets: Command, command: CommandContext): void {
  const {output, end} = command;
  offsets
    .command('reset')
    .description(
      'set the positions back, so that the workers apply the topic again from an earlier offset. Readers see old ' +
        'values until the workers have caught up; then the data is as before. Asks for confirmation',
    )
    .requiredOption(
      '--to <offset>',
      '`earliest`, an offset, or a time such as 2026-11-25T07:00:00Z',
      parsePlace,
    )
    .option('--partition <number>', 'reset only this partition', partitionNumber)
    .option('--yes', 'do not ask for confirmation', false)
    .option('--json', 'print JSON', false)
    .action(async (options: ResetOptions) => {
      const config = settingsOf(command, ['brokers', 'redisUrl']);
      end(await offsetsReset(options, {config, output}));
    });
}

function partitionNumber(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new InvalidArgumentError('must be a partition number.');
  return Number(value);
}

export type ResetPlace =
  | {readonly kind: 'earliest'}
  | {readonly kind: 'offset'; readonly offset: bigint}
  | {readonly kind: 'time'; readonly timeMs: number};

/** Accepts `earliest`, an offset, or a time such as 2026-11-25T07:00:00Z. Throws `usage` for any other text. */
export function parsePlace(text: string): ResetPlace {
  if (text === 'earliest') return {kind: 'earliest'};
  if (/^\d{1,18}$/.test(text)) return {kind: 'offset', offset: BigInt(text)};
  const timeMs = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(timeMs)) {
    throw new ProjectorError(
      'usage',
      '--to must be `earliest`, an offset, or a time such as 2026-11-25T07:00:00Z',
    );
  }
  return {kind: 'time', timeMs};
}

export interface ResetOptions {
  readonly to: ResetPlace;
  /** The partition to reset. If it is undefined, all partitions are reset. */
  readonly partition: number | undefined;
  readonly yes: boolean;
  readonly json: boolean;
}

export interface ResetContext {
  readonly config: ConfigWith<'brokers' | 'redisUrl'>;
  readonly output: Output;
}

/** With the layout `partitioned`, the reports contain these records already, so that they do not change (I18). */
function meaningWith(layout: KeyLayout): string {
  const seen = layout === 'single' ? 'orders and counters' : 'orders (not counters and reports)';
  return (
    `The workers will apply the records from these offsets again. Until they have caught up, readers see ${seen} ` +
    'as they were at that time. Afterwards the data is the same as now. `projector rebuild` does the same ' +
    'without showing old values to readers.'
  );
}

export async function offsetsReset(
  options: ResetOptions,
  {config, output}: ResetContext,
  terminal: Terminal = standardTerminal,
): Promise<number> {
  const redis = new RedisClient(redisSettings(config));
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  try {
    const {model} = await checkReadModel(config, {redis, topic});
    const plan = await planReset(
      model,
      {offsets: await goalsOf(options, topic), mayStay: options.to.kind !== 'offset'},
      await topic.ranges(),
    );
    if (!options.yes && !(await isConfirmed(plan, {output, terminal, layout: config.redisLayout}))) {
      output.note('no position was reset');
      return EXIT.ok;
    }
    const done: PositionReset[] = [];
    for (const step of plan) done.push({...step, from: await resetPosition(model, step)});
    if (options.json) {
      const rows = done.map(({partition, from, to}) => ({partition, from: String(from), to: String(to)}));
      const answer: OffsetsResetAnswer = {topic: config.topic, partitions: rows};
      output.line(JSON.stringify(answer));
    } else for (const line of table(['partition', 'from', 'to'], done.map(cellsOf))) output.line(line);
    return EXIT.ok;
  } finally {
    redis.close();
    await topic.close();
  }
}

async function goalsOf({to, partition}: ResetOptions, topic: KafkaTopic): Promise<Map<number, bigint>> {
  const ranges = [...(await topic.ranges())].sort(([a], [b]) => a - b);
  const times = to.kind === 'time' ? await topic.offsetsAt(to.timeMs) : new Map<number, bigint>();
  const goals = new Map<number, bigint>();
  for (const [number, {low}] of ranges) {
    if (partition !== undefined && number !== partition) continue;
    goals.set(
      number,
      to.kind === 'earliest' ? low : to.kind === 'offset' ? to.offset : (times.get(number) ?? low),
    );
  }
  if (goals.size === 0)
    throw new ProjectorError('usage', `topic ${topic.name} has no partition ${partition ?? ''}`);
  return goals;
}

/** Explains the effect and asks for confirmation. Rejects with `usage` if there is no terminal. */
async function isConfirmed(
  plan: readonly PositionReset[],
  {output, terminal, layout}: {output: Output; terminal: Terminal; layout: KeyLayout},
): Promise<boolean> {
  for (const line of table(['partition', 'from', 'to'], plan.map(cellsOf))) output.note(line);
  output.note(meaningWith(layout));
  if (!terminal.isInteractive) {
    throw new ProjectorError(
      'usage',
      'cannot ask for confirmation without a terminal: use --yes to reset without confirmation',
    );
  }
  return /^\s*y(?:es)?\s*$/i.test(await terminal.ask('Reset these positions? (y/N) '));
}

function cellsOf({partition, from, to}: PositionReset): string[] {
  return [String(partition), String(from), String(to)];
}
