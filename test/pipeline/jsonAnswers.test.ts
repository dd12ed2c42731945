/** What commands print with `--json` has its schema (docs/json), on real servers. */
import {freePorts} from '../../stack/ports.js';
import type {AnswerName} from '../../src/cli/answers/answers.js';
import {answerOf, requireAnswers} from '../support/jsonAnswers.js';
import {produce} from '../support/kafka.js';
import {Pipeline, type Variables} from '../support/pipeline.js';
import {projector} from '../support/projector.js';
import {shopOfFile} from '../support/shop.js';
import {until} from '../support/until.js';
import {useEmptyRedis} from '../support/emptyRedis.js';
import {whyNoOwnRedis} from '../support/redisServer.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: the JSON answers. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('JSON answers', () => {
  const other = useEmptyRedis();
  let shop: Pipeline;
  let settings: Variables;
  let port: number;
  let file: string;
  let orderId: string;

  /** Runs the command, checks its answer, and resolves with its lines. */
  async function answers(args: readonly string[], status = 0): Promise<unknown[]> {
    const result = await projector([...args, '--json'], settings);
    expect([result.status, result.stderr]).toEqual([status, expect.any(String)]);
    requireAnswers(answerOf([...args, '--json'])!, result.stdout);
    return result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
  }

  beforeAll(async () => {
    const {topic, connectorFile} = await shopOfFile();
    file = connectorFile;
    port = (await freePorts(1))[0]!;
    settings = {
      KAFKA_TOPIC: topic,
      REDIS_KEY_PREFIX: 'answers:',
      KAFKA_GROUP_ID: 'answers',
      PROJECTOR_QUARANTINE_MAX: '10',
      PROJECTOR_HTTP_PORT: String(port),
    };
    shop = await Pipeline.open('answers', settings);
    ({id: orderId} = await shop.placeOrder('45.99', [
      ['10', 1],
      ['15', 3],
    ]));
    await produce(topic, [
      {key: '77', value: '{'},
      {key: '{"id":78}', value: '{'},
    ]);
    await shop.applied();
    await until(
      async () => (await shop.redis.hlen('answers:projector:quarantine')) === 2,
      () => 'two quarantined records',
    );
  }, 180_000);
  afterAll(async () => await shop.close());

  test('of report and orders', async () => {
    for (const list of [[], ['products'], ['users'], ['totals']]) await answers(['report', ...list]);
    for (const options of [[], ['--scan']]) await answers(['orders', 'count', ...options]);
    await answers(['orders', 'list']);
    await answers(['orders', 'show', orderId]);
    await answers(['orders', 'show', '404'], 3);
  });

  test('of a worker: status, history and probes', async () => {
    await answers(['status', '--url', `http://127.0.0.1:${port}`]);
    const paths: [path: string, name: AnswerName][] = [
      ['status', 'status'],
      ['history', 'history'],
      ['livez', 'probe'],
      ['readyz', 'probe'],
      ['startupz', 'probe'],
    ];
    for (const [path, name] of paths)
      requireAnswers(name, await (await fetch(`http://127.0.0.1:${port}/${path}`)).text());
  });

  test('of doctor and connector', async () => {
    const [doctor] = (await answers(['doctor', '--connector-file', file], await doctorExit())) as [object];
    expect(doctor).toHaveProperty('checks');
    await answers(['connector', 'status', '--file', file]);
    await answers(['connector', 'restart', '--file', file]);
    await answers(['connector', 'apply', '--file', file]);
  });

  /** The servers of a test machine need not pass all checks. The answer must be right anyway. */
  async function doctorExit(): Promise<number> {
    return (await projector(['doctor', '--connector-file', file], settings)).status!;
  }

  test('of lag, offsets, verify and sync', async () => {
    await answers(['lag']);
    await answers(['offsets', 'show']);
    await shop.redis.hset(`answers:order:${orderId}`, 'total_amount', '1.00');
    const [found] = (await answers(['verify', '--wait', '60'], 3)) as [{findings: unknown[]}];
    expect(found.findings).toHaveLength(1);
    await shop.redis.hset(`answers:order:${orderId}`, 'total_amount', '45.99');
    await answers(['verify', '--wait', '60']);
    await answers(['sync', '--target', other.url]);
  });

  test('of dlq, and of offsets reset', async () => {
    const [list] = (await answers(['dlq', 'list'])) as [{name: string; orderId: string | null}[]];
    expect(list).toHaveLength(2);
    const named = list.find(({orderId: id}) => id === '77')!.name;
    const nameless = list.find(({name}) => name !== named)!.name;
    await answers(['dlq', 'show', named]);
    await answers(['dlq', 'replay', named]);
    // Its key names no order, so no replay is possible.
    await answers(['dlq', 'replay', nameless], 5);
    await answers(['dlq', 'drop', '--yes', nameless]);
    await answers(['offsets', 'reset', '--to', 'earliest', '--yes']);
  });
});
