/** Runs one comparison of Redis with an expected side (MySQL, or a replay of the topic) and prints the result. */
import type {VerifyAnswer} from '../answers/operations.js';
import type {KafkaTopic} from '../../clients/kafka/admin.js';
import type {RedisClient} from '../../clients/redis/client.js';
import type {ConfigWith} from '../../config/config.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {counted} from '../../runtime/counted.js';
import {ProjectorError} from '../../runtime/errors.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {keySpace} from '../../redis-model/keys.js';
import {MergedOffsets} from '../../redis-model/mergedOffsets.js';
import {StoredPositions} from '../../redis-model/storedPositions.js';
import type {Expected, ExpectedOrders} from '../../operations/verify/expected.js';
import type {Finding} from '../../operations/verify/finding.js';
import {ReadRetry, retryingRedis} from '../../operations/verify/retry.js';
import type {Repair} from '../../operations/verify/repair.js';
import {Sides, type OrderPlaces} from '../../operations/verify/sides.js';
import type {Looked} from '../../operations/verify/survey.js';
import type {Visible} from '../../upstream/visibility.js';
import {verify, type Repairing, type Verdict, type VerifyEvent} from '../../operations/verify/verify.js';
import {table, type Output} from '../terminal/output.js';
import type {ProgressLine} from '../terminal/progressLine.js';

export interface PrintOptions {
  /** Maximum number of differences to print. */
  readonly limit: number;
  /** How many seconds differences may take to settle. */
  readonly wait: number;
  readonly json: boolean;
}

export interface ComparisonParts {
  readonly config: ConfigWith<'brokers' | 'redisUrl'>;
  /** The live database. */
  readonly redis: RedisClient;
  readonly topic: KafkaTopic;
  readonly expected: Expected;
  /** The database of the expected side if a worker applies the topic to it. It is null if the expected side is MySQL. */
  readonly follower: RedisClient | null;
  /** Resolves when the expected side shows every record before the ends of the partitions. */
  readonly visible: Visible;
  readonly sample: (() => AsyncIterable<ExpectedOrders>) | null;
  readonly repair: Repair | null;
  readonly places?: OrderPlaces | undefined;
  readonly retry: ReadRetry;
  readonly line: ProgressLine;
  readonly signal: AbortSignal;
  /** Throws if the comparison cannot succeed any more, for example because the worker of the expected side has halted. */
  readonly requireRunning: () => void;
}

/** A difference is certain only if it has not changed for this time. */
export const STILL_MS = 5_000;
export const SUSPECTS_MAX = 20_000;
/** A comparison fails if a server does not respond for longer than this time. */
export const SILENT_MS = 60_000;

export function newRetry(line: ProgressLine, signal: AbortSignal): ReadRetry {
  return new ReadRetry({clock: systemClock, silentMs: SILENT_MS, signal, notify: (text) => line.note(text)});
}

/** Runs the comparison. `wait` is the number of seconds that differences may take to settle. */
export async function compared(parts: ComparisonParts, wait: number): Promise<Verdict> {
  const {config, redis, topic, expected, visible, follower, retry, line, signal, sample, repair, places} =
    parts;
  const show = (text: string): void => {
    parts.requireRunning();
    line.show(text);
  };
  const keys = keySpace(config.redisLayout, config.keyPrefix);
  const databases = [redis, ...(follower === null ? [] : [follower])];
  return await verify({
    sides: new Sides({expected, redis: retryingRedis(redis, retry), prefix: config.keyPrefix, places}),
    survey: {
      suspectsMax: SUSPECTS_MAX,
      progress: (looked) => show(`${lookedAt(looked)} compared`),
      signal,
      seed: Math.floor(Math.random() * 2 ** 31),
    },
    settle: {
      ranges: async () => await retry.ask(async () => await topic.ranges()),
      positions: [
        ...databases.map(
          (database) => new StoredPositions(retryingRedis(database, retry), config.topic, keys),
        ),
        ...(places === undefined ? [] : [new MergedOffsets(retryingRedis(redis, retry), keys.shared.merged)]),
      ],
      visible: async (ends) => await retry.ask(async () => await visible(ends, signal)),
      upstream: null,
      clock: retry.clock,
      pauseFactor: 1,
      stillMs: STILL_MS,
      waitMs: wait * 1_000,
      progress: (open) =>
        show(`${counted(open, 'difference')} may be temporary; waiting until the values settle`),
      signal,
    },
    sample,
    repair,
    notify: (event) => line.note(eventLine(event)),
  });
}

function eventLine(event: VerifyEvent): string {
  if (event.kind === 'repairing') return `repairing ${repairText(event)}`;
  const {foreignKeys} = event.looked;
  const foreign = foreignKeys === 0 ? '' : ` (${foreignKeys} of them do not belong to this read model)`;
  const suspects = counted(event.suspects, 'possible difference');
  return `compared ${lookedAt(event.looked)}${foreign}: ${suspects} to check again`;
}

function lookedAt({orders, products, users, keys}: Looked): string {
  return [
    counted(orders, 'order'),
    counted(products, 'product'),
    counted(users, 'user'),
    counted(keys, 'key'),
  ].join(', ');
}

/** Returns for example `1 difference: 1 order`. */
export function repairText({differences, orders, keys, sums, hasRepairedOrders}: Repairing): string {
  const parts = [
    ...(orders > 0 ? [counted(orders, 'order')] : []),
    ...(keys > 0 ? [counted(keys, 'malformed key')] : []),
    ...(sums > 0 ? [counted(sums, 'sum') + (hasRepairedOrders ? ' after the repair of orders' : '')] : []),
  ];
  return `${counted(differences, 'difference')}: ${parts.join(', ')}`;
}

/** Prints the verdict. Returns the exit code, or throws `differences-found` or `verify-behind`. */
export function printVerdict(
  verdict: Verdict,
  source: Expected['name'],
  {options, output, line}: {options: PrintOptions; output: Output; line: ProgressLine},
): number {
  const {looked, findings, open, unseen, isBehind, repaired} = verdict;
  const shown = findings.slice(0, options.limit);
  line.clear();
  if (options.json) {
    const sums = {differences: findings.length, open: open.length, unseen, isBehind, repaired};
    const answer: VerifyAnswer = {...sums, looked, findings: shown};
    output.line(JSON.stringify(answer));
  } else {
    const head = ['difference', 'key', 'field', source, 'Redis'];
    for (const row of shown.length === 0 ? [] : table(head, shown.map(cellsOf))) output.line(row);
    output.line(`${counted(findings.length, 'difference')}${repaired === 0 ? '' : `, ${repaired} repaired`}`);
  }
  if (findings.length > shown.length)
    line.note(
      `${counted(findings.length - shown.length, 'more difference is', 'more differences are')} not shown (--limit)`,
    );
  if (unseen > 0)
    line.note(
      `${counted(unseen, 'more value')} differed at first and could not be checked again, because there are too many: use \`projector rebuild\``,
    );
  if (open.length > 0 && !isBehind) {
    const names = open.slice(0, 5).map(({kind, id}) => `${kind} ${id}`);
    line.note(
      `${counted(open.length, 'value')} changed too often to be compared (${names.join(', ')}): verify again when there is less traffic`,
    );
  }
  return exitCodeOf(verdict, source, options.wait);
}

function cellsOf({kind, key, field, expected, found}: Finding): string[] {
  return [kind, key, field ?? '', expected ?? '-', found ?? '-'].map((cell) =>
    // The JSON form escapes line breaks, so that each finding stays on one line.
    JSON.stringify(cell).slice(1, -1),
  );
}

function exitCodeOf({findings, unseen, open, isBehind}: Verdict, source: string, wait: number): number {
  if (findings.length + unseen > 0) {
    const what = source === 'topic' ? 'the topic' : source;
    throw new ProjectorError(
      'differences-found',
      `${counted(findings.length + unseen, 'difference')} between Redis and ${what}`,
    );
  }
  if (isBehind && open.length > 0) {
    throw new ProjectorError(
      'verify-behind',
      `${counted(open.length, 'value')} could not be compared within ${wait} s, because Redis did not reach the end of the topic or the time was too short`,
    );
  }
  return EXIT.ok;
}
