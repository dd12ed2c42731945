/** `projector dlq list|show|drop`: lists, shows and removes quarantined records. These commands connect to Redis only. */
import type {Command} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import {keySpace} from '../../redis-model/keys.js';
import {addDlqReplay, NOTHING} from './dlqReplay.js';
import type {DlqDropAnswer} from '../answers/quarantine.js';
import type {ConfigWith} from '../../config/config.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {ProjectorError} from '../../runtime/errors.js';
import {printable} from '../../runtime/escapeControl.js';
import {
  QuarantineEntries,
  selectEntries,
  type Selection,
  type StoredEntry,
} from '../../operations/replay/entries.js';
import {linesOf, summaryOf, viewOf} from '../../operations/replay/view.js';
import {withRedis} from '../servers.js';
import {table, type Output} from '../terminal/output.js';
import {standardTerminal, type Terminal} from '../terminal/terminal.js';
import {counted} from '../../runtime/counted.js';

export function addDlq(program: Command, command: CommandContext): void {
  const {output, end} = command;
  const dlq = program
    .command('dlq')
    .description('list, show, replay or drop quarantined records, which could not be applied');
  const context = (): DlqContext => {
    const config = settingsOf(command, ['redisUrl']);
    return {config, output};
  };

  dlq
    .command('list')
    .description('list offset, reason and order id of each quarantined record. Prints no keys and no values')
    .option('--json', 'print a JSON array', false)
    .action(async (options: {json: boolean}) => {
      end(await dlqList(options, context()));
    });

  dlq
    .command('show')
    .description('show one entry in full, including the stored key and value: this is customer data')
    .argument('<name>', 'topic:partition:offset, as printed by `dlq list`')
    .option('--json', 'print JSON', false)
    .action(async (name: string, options: {json: boolean}) => {
      end(await dlqShow({name, ...options}, context()));
    });

  dlq
    .command('drop')
    .description('remove entries from quarantine. Their orders do not change. Asks for confirmation')
    .argument('[name...]', 'topic:partition:offset, as printed by `dlq list`')
    .option('--all', 'remove all entries', false)
    .option('--yes', 'do not ask for confirmation', false)
    .option('--json', 'print JSON', false)
    .action(async (names: string[], options: {all: boolean; yes: boolean; json: boolean}) => {
      end(await dlqDrop({names, ...options}, context()));
    });
  addDlqReplay(dlq, command);
}

export interface DlqContext {
  readonly config: ConfigWith<'redisUrl'>;
  readonly output: Output;
}

export async function dlqList(options: {readonly json: boolean}, context: DlqContext): Promise<number> {
  const {output} = context;
  return await withEntries(context, async (entries) => {
    const stored = await entries.all();
    noteForeign(stored, output);
    const rows = stored.flatMap(({entry}) => (entry === undefined ? [] : [summaryOf(entry)]));
    if (options.json) output.line(JSON.stringify(rows));
    else if (rows.length === 0) output.note(NOTHING);
    else {
      const cells = rows.map(({name, kind, orderId, time, reason}) => {
        return [name, kind, orderId ?? 'unknown', time ?? 'none', reason];
      });
      for (const line of table(['name', 'kind', 'order', 'time', 'reason'], cells)) output.line(line);
    }
    return EXIT.ok;
  });
}

export async function dlqShow(
  {name, json}: {readonly name: string; readonly json: boolean},
  context: DlqContext,
): Promise<number> {
  return await withEntries(context, async (entries) => {
    const [found] = selectEntries(await entries.all(), {names: [name], all: false});
    if (found?.entry === undefined) {
      throw new ProjectorError(
        'read-model-corrupt',
        `quarantine entry ${printable(name)} cannot be read, because this program did not write it`,
      );
    }
    const view = viewOf(found.entry);
    if (json) context.output.line(JSON.stringify(view));
    else for (const line of linesOf(view)) context.output.line(line);
    return EXIT.ok;
  });
}

export interface DropOptions extends Selection {
  readonly yes: boolean;
  readonly json: boolean;
}

/** Removes entries from quarantine. The orders in Redis do not change. */
export async function dlqDrop(
  options: DropOptions,
  context: DlqContext,
  terminal: Terminal = standardTerminal,
): Promise<number> {
  const {output} = context;
  return await withEntries(context, async (entries) => {
    const chosen = selectEntries(await entries.all(), options);
    if (chosen.length > 0 && !options.yes && !(await isConfirmed(chosen.length, terminal))) {
      output.note('no entry was dropped');
      return EXIT.ok;
    }
    const dropped = await entries.remove(chosen);
    const kept = chosen.map(({name}) => name).filter((name) => !dropped.includes(name));
    if (options.json) output.line(JSON.stringify({dropped, kept} satisfies DlqDropAnswer));
    else for (const name of dropped) output.line(`dropped  ${printable(name)}`);
    if (chosen.length === 0) output.note(NOTHING);
    if (kept.length > 0)
      output.note(`not dropped, because they changed meanwhile: ${printable(kept.join(', '))}`);
    return EXIT.ok;
  });
}

/** Asks for confirmation at the terminal. Rejects with `usage` if there is no terminal. */
export async function isConfirmed(count: number, terminal: Terminal): Promise<boolean> {
  if (!terminal.isInteractive) {
    throw new ProjectorError(
      'usage',
      'cannot ask for confirmation without a terminal: use --yes to drop without confirmation',
    );
  }
  const answer = await terminal.ask(
    `Drop ${counted(count, 'entry', 'entries')}? The orders do not change and may still differ from MySQL. (y/N) `,
  );
  return /^\s*y(?:es)?\s*$/i.test(answer);
}

async function withEntries<T>(
  {config}: DlqContext,
  work: (entries: QuarantineEntries) => Promise<T>,
): Promise<T> {
  return await withRedis(
    config,
    async (redis) => await work(new QuarantineEntries(redis, keySpace(config.redisLayout, config.keyPrefix))),
  );
}

function noteForeign(stored: readonly StoredEntry[], output: Output): void {
  const names = stored.filter(({entry}) => entry === undefined).map(({name}) => name);
  if (names.length > 0)
    output.note(`ignored entries that this program did not write: ${printable(names.join(', '))}`);
}
