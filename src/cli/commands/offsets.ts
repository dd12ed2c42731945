/** `projector offsets show`: prints the positions, the committed offsets and both ends of the topic. It changes nothing. */
import type {Command} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import {addOffsetsReset} from './offsetsReset.js';
import type {OffsetsShowAnswer} from '../answers/offsets.js';
import type {ConfigWith} from '../../config/config.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {readOffsets, type PartitionOffsets} from '../../observe/lag.js';
import {withLog} from '../servers.js';
import {table, type Output} from '../terminal/output.js';

export function addOffsets(program: Command, command: CommandContext): void {
  const {output, end} = command;
  const offsets = program
    .command('offsets')
    .description('show or reset the positions of the workers in the topic');

  offsets
    .command('show')
    .description(
      'show per partition the position in Redis, the committed offset, both ends of the topic, and the lag. ' +
        'Workers resume from the position only; committed offsets are for lag tools. Changes nothing',
    )
    .option('--json', 'print JSON', false)
    .action(async (options: {json: boolean}) => {
      const config = settingsOf(command, ['brokers', 'redisUrl']);
      end(await offsetsShow(options, {config, output}));
    });
  addOffsetsReset(offsets, command);
}

export async function offsetsShow(
  {json}: {readonly json: boolean},
  {config, output}: {config: ConfigWith<'brokers' | 'redisUrl'>; output: Output},
): Promise<number> {
  const {groupId} = config;
  const rows = await withLog(
    config,
    async ({topic, positions, partitionCount}) =>
      await readOffsets(topic, positions, {partitionCount, groupId}),
  );
  printOffsets(rows, {json, topic: config.topic, groupId}, output);
  return EXIT.ok;
}

export function printOffsets(
  rows: readonly PartitionOffsets[],
  {json, topic, groupId}: {readonly json: boolean; readonly topic: string; readonly groupId: string},
  output: Output,
): void {
  const answer: OffsetsShowAnswer = {topic, groupId, partitions: rows.map(jsonOf)};
  if (json) output.line(JSON.stringify(answer));
  else {
    const head = ['partition', 'position', 'committed', 'topic start', 'topic end', 'lag'];
    for (const line of table(head, rows.map(cellsOf))) output.line(line);
  }
  const unreadable = rows.filter(({isUnreadable}) => isUnreadable).map(({partition}) => partition);
  if (unreadable.length > 0) {
    output.note(
      `the position in Redis cannot be parsed (position-unreadable): partition ${unreadable.join(', ')}`,
    );
  }
}

function jsonOf(row: PartitionOffsets): OffsetsShowAnswer['partitions'][number] {
  return {
    partition: row.partition,
    position: row.position?.toString() ?? null,
    committed: row.committed?.toString() ?? null,
    logStart: row.start.toString(),
    logEnd: row.end.toString(),
    lagRecords: row.lagRecords.toString(),
  };
}

function cellsOf(row: PartitionOffsets): string[] {
  return [
    String(row.partition),
    row.position?.toString() ?? (row.isUnreadable ? 'unreadable' : 'none'),
    row.committed?.toString() ?? 'none',
    String(row.start),
    String(row.end),
    String(row.lagRecords),
  ];
}
