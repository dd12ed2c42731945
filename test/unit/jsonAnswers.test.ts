/** docs/json is what `npm run json-schemas` writes, and the answers that need no server have these schemas. */
import {readdirSync, readFileSync} from 'node:fs';
import {z} from 'zod';
import {ANSWERS, answerTable, publishedSchema, type AnswerName} from '../../src/cli/answers/answers.js';
import {watchLag} from '../../src/cli/commands/lag.js';
import {main} from '../../src/cli/program.js';
import {json} from '../../src/observe/http.js';
import {History} from '../../src/observe/history.js';
import {Metrics} from '../../src/observe/metrics.js';
import {routesOf, statusOf} from '../../src/observe/routes.js';
import {answerOf, requireAnswers} from '../support/jsonAnswers.js';
import {partitionView, workerView} from '../support/views.js';

const NAMES = Object.keys(ANSWERS) as AnswerName[];
const FOLDER = 'docs/json';

test('docs/json contains exactly the schemas that `npm run json-schemas` writes', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.schema.json'));
  expect(files.sort()).toEqual(NAMES.map((name) => `${name}.schema.json`).sort());
  const differing = NAMES.filter(
    (name) => readFileSync(`${FOLDER}/${name}.schema.json`, 'utf8') !== publishedSchema(name),
  );
  expect(differing).toEqual([]);
  expect(readFileSync(`${FOLDER}/README.md`, 'utf8')).toContain(answerTable());
});

/** Every object in a schema, with its path. */
function* parts(value: unknown, path: string): Generator<[path: string, part: Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [path, value as Record<string, unknown>];
  for (const [name, part] of Object.entries(value)) yield* parts(part, `${path}/${name}`);
}

test.each(NAMES)('%s.schema.json describes every field, and allows more fields', (name) => {
  const all = [...parts(JSON.parse(publishedSchema(name)), '')];
  const isDescribed = (part: unknown): boolean =>
    [...parts(part, '')].some(([, {description}]) => description);
  const silent = all.flatMap(([path, {properties}]) =>
    Object.entries(properties ?? {}).flatMap(([field, part]) =>
      isDescribed(part) ? [] : [`${path}/${field}`],
    ),
  );
  expect(silent).toEqual([]);
  expect(all.filter(([, {additionalProperties}]) => additionalProperties === false)).toEqual([]);
});

test('a test fails on a field that no schema names, and names no value', () => {
  const answer = {orders: '1', units: '2', revenue: '3.00'};
  requireAnswers('report-totals', JSON.stringify(answer));
  expect(() => requireAnswers('report-totals', JSON.stringify({...answer, users: 'secret'}))).toThrow(
    /^this is no report-totals\.schema\.json:\n(?!.*secret)[\s\S]*users/,
  );
  const published = z.fromJSONSchema(JSON.parse(publishedSchema('report-totals')) as never);
  expect(published.safeParse({...answer, users: 'secret'}).success).toBe(true);
  expect(published.safeParse({...answer, units: 2}).success).toBe(false);
});

describe('the answers of a worker have their schemas', () => {
  const error = {kind: 'redis-unreachable', detail: 'Redis is away'} as const;
  const last = {
    startedMs: 1_000,
    endedMs: 3_500,
    orders: 7,
    differences: 2,
    repaired: 1,
    open: 1,
    unchecked: 0,
  };
  const views = {
    'a new one': workerView(),
    'one with all fields': workerView({
      state: 'waiting',
      connector: {name: 'shop-orders', state: 'RUNNING'},
      audit: {isRunning: true, isRequested: true, last: {...last, everyMs: 60_000} as never},
      partitions: [
        partitionView({position: 2n ** 60n, committed: 1n, start: 0n, end: 2n ** 61n, lagRecords: 2n ** 60n}),
        partitionView({partition: 1, stuckMs: 12.5, held: error}),
      ],
      troubles: [{...error, sinceMs: 1_000}],
      errors: [{...error, atMs: 1_000}],
    }),
    'one without a pass of the audit': workerView({
      audit: {isRunning: false, isRequested: false, last: null},
    }),
  };

  test.each(Object.entries(views))('%s', async (_, view) => {
    requireAnswers('status', json(200, statusOf(view)).body);
    const history = new History(() => view);
    const end = new AbortController();
    const clock = {
      nowMs: () => 0,
      sleep: async () => {
        end.abort();
        await Promise.resolve();
      },
    };
    await history.keep(clock, end.signal);
    const metrics = new Metrics({view: () => view, topic: 't', hasExporterSeries: false});
    const routes = routesOf({view: () => view, metrics, history, stuckMsMax: 1, hasShop: false});
    const asked = {host: '127.0.0.1', id: ''};
    for (const path of ['/startupz', '/livez', '/readyz'])
      requireAnswers('probe', (await routes[path]!(asked)).body);
    expect(history.answer.points).toHaveLength(1);
    requireAnswers('history', (await routes['/history']!(asked)).body);
  });
});

test('`lag --watch` prints lines of its schema', async () => {
  const end = new AbortController();
  const lines: string[] = [];
  const row = {partition: 0, position: null, isUnreadable: false, start: 0n, end: 9n, lagRecords: 9n};
  await watchLag(
    async () => await Promise.resolve([row, {...row, partition: 1, position: 4n, lagRecords: 5n}]),
    {
      json: true,
      interval: 2,
      topic: 'events',
      screen: null,
      output: {line: (text) => lines.push(text), note: () => undefined},
      clock: {
        nowMs: () => 1_000,
        sleep: async () => {
          end.abort();
          await Promise.resolve();
        },
      },
    },
    end.signal,
  );
  expect(lines).toHaveLength(1);
  requireAnswers('lag-watch', lines.join('\n'));
});

test.each([
  ['print', {}, 0],
  ['print', {REDIS_URL: 'redis://:secret@redis:6379/0', PROJECTOR_HTTP_PORT: 'off'}, 0],
  ['check', {}, 2],
  ['check', {KAFKA_BROKERS: 'kafka:9092', REDIS_URL: 'redis://redis:6379/0'}, 0],
])('`config %s` with %j has its schema', async (command, environment, exitCode) => {
  const lines: string[] = [];
  const args = ['config', command, '--json'];
  const output = {line: (text: string) => lines.push(text), note: () => undefined};
  await expect(main(['node', 'projector', ...args], environment, output)).resolves.toBe(exitCode);
  requireAnswers(answerOf(args)!, lines.join('\n'));
});
