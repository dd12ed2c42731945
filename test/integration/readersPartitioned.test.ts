/** The programs in examples/ find orders in the partitioned layout, in one Redis and in a cluster. The keys are written by hand. */
import type {Cluster, Redis} from 'ioredis';
import {idOfText} from '../../src/domain/id.js';
import {useEmptyRedis} from '../support/emptyRedis.js';
import {partitionOf} from '../support/kafka.js';
import {chosenSeed, Random} from '../support/random.js';
import {camelNames, nodeReader, pythonReader, whyNoPython, type Reader} from '../support/readers.js';
import {OwnCluster} from '../support/readerCluster.js';
import {clusterRules} from '../support/redisRights.js';
import {whyNoOwnRedis} from '../support/redisServer.js';

const whyNot = whyNoPython();
if (whyNot !== undefined) process.stderr.write(`skipped: the Python example. ${whyNot}\n`);
const whyNoRedis = whyNoOwnRedis();
if (whyNoRedis !== undefined) process.stderr.write(`skipped: the partitioned layout. ${whyNoRedis}\n`);

const PARTITIONS = 6;
const USER = 'order-projector-readers';
const PASSWORD = 'secret';
const RULES = clusterRules(PASSWORD, 'reports', 'shop:');
const seed = chosenSeed();

/** Apache Kafka, UtilsTest.testMurmur2. */
const HASHES: readonly (readonly [text: string, hash: number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

/** Keys that the JsonConverter of Kafka 4.3.0 has written for STRING values with `schemas.enable=false`, and the bytes in hexadecimal digits. */
const KEYS: readonly (readonly [text: string, key: string])[] = [
  ['5', '223522'],
  ['a:b', '22613a6222'],
  ['Ä 1/2', '22c38420312f3222'],
  ['q"\\/', '22715c225c5c2f22'],
  ["<>&'", '223c3e262722'],
  ['\u{1F600}', '225c75443833445c754445303022'],
  ['\ue000\uffff', '22ee8080efbfbf22'],
  [
    '\u001f\u0001\n\t\b\f\r\u000b\u007f\u0085\u2028\u2029\ufeff',
    '225c75303031465c75303030315c6e5c745c625c665c725c75303030427fc285e280a8e280a9efbbbf22',
  ],
];

type IdType = 'number' | 'text';

/** Ids of every length, negative ones, ids of 20 digits, and texts. `JSON.stringify` and JsonConverter print these texts alike. */
function drawnIds(type: IdType, count: number): string[] {
  const random = new Random(seed);
  const draw = (characters: readonly string[], length: number): string =>
    Array.from({length}, () => random.pick(characters)).join('');
  const drawOne = (index: number): string => {
    if (type === 'text') return draw(TEXT_CHARACTERS, random.int(1, 30));
    const digits = `${random.int(1, 9)}${draw(DIGITS, index % 20)}`;
    return random.chance(0.3) ? `-${digits}` : digits;
  };
  return ['0', ...Array.from({length: count}, (_, index) => drawOne(index))];
}

const DIGITS = Array.from('0123456789');
const TEXT_CHARACTERS = Array.from('abcxyzABCXYZ0123456789-._~ :,;/%{}"\\\'äß€漢');

/** The key of the record, by another way than the examples. */
function keyOf(id: string, type: IdType): Buffer {
  return Buffer.from(type === 'text' ? JSON.stringify(id) : id);
}

interface Content {
  readonly type: IdType;
  readonly ids: readonly string[];
}

const CONTENTS: readonly Content[] = [
  {type: 'number', ids: ['1', '-5', '9007199254740993', '12345678901234567890', ...drawnIds('number', 20)]},
  {type: 'text', ids: ['1', 'a:b', 'Ä 1/2', "x*(')!,;", '{7}', ...drawnIds('text', 20)]},
];

/** Writes orders and totals, and returns what the readers must print. The order `gone` does not exist. */
async function fill(redis: Redis | Cluster, {type, ids}: Content): Promise<unknown> {
  const orders: unknown[] = [];
  for (const [index, id] of [...new Set(ids)].entries()) {
    const key = `{shop:${partitionOf(keyOf(id, type), PARTITIONS)}}:order:${idOfText(id)}`;
    await redis.hset(key, {
      id: idOfText(id),
      user_id: index % 3 === 0 ? '' : '70',
      total_amount: `${index}.05`,
      items_count: '2',
      items: 'product_id:a%3Ab,quantity:1;product_id:,quantity:3',
    });
    const items = [
      {productId: 'a:b', quantity: '1'},
      {productId: null, quantity: '3'},
    ];
    const order = {id, userId: index % 3 === 0 ? null : '70', totalAmount: `${index}.05`, items};
    orders.push({key, order});
  }
  await redis.hset('{shop}:report:totals', {orders: '25', units: '100', revenue: '12345'});
  return {totals: {orders: 25, units: '100', revenue: '123.45'}, orders};
}

async function read(reader: Reader, content: Content, where: readonly string[]): Promise<unknown> {
  const {ok, stdout, output} = await reader.partitioned([
    ...[
      ...where,
      '--json',
      '--prefix',
      'shop:',
      '--partitions',
      String(PARTITIONS),
      '--id-type',
      content.type,
    ],
    ...[...new Set(content.ids)].map((id) => `--order=${id}`),
  ]);
  if (!ok) throw new Error(`the ${reader.name} example failed: ${output}`);
  return camelNames(stdout);
}

describe.each([nodeReader, pythonReader])('the $name example of the partitioned layout', (reader) => {
  const inDescribe = reader.name === 'python' && whyNot !== undefined ? describe.skip : describe;
  inDescribe('computes', () => {
    test("the hashes of Kafka's own test, UtilsTest", async () => {
      const hashes = await reader.results(
        'murmur2',
        HASHES.map(([text]) => text),
      );
      expect(hashes).toEqual(HASHES.map(([, hash]) => hash));
    });

    test('the key of a text id as JsonConverter writes it', async () => {
      const keys = await reader.results(
        'recordKey',
        KEYS.map(([text]) => text),
      );
      expect(keys).toEqual(KEYS.map(([, key]) => key));
    });

    test.each(['number', 'text'] as const)(
      `the partition of kafkajs' DefaultPartitioner for 1,001 ids (%s), seed ${seed}`,
      async (type) => {
        const inputs = drawnIds(type, 1_000).map((id, index) => [id, 1 + (index % 64), type] as const);
        const wanted = inputs.map(([id, partitions]) => partitionOf(keyOf(id, type), partitions));
        expect(await reader.results('partitionOf', inputs)).toEqual(wanted);
      },
    );

    test.each([
      ['a text as a number', ['--order=A1'], /the order id ["']A1["'] is not a whole number/],
      ['leading zeros', ['--order=007'], /the order id ["']007["'] is not a whole number/],
      ['an empty text', ['--id-type=text', '--order='], /the order id is empty/],
      ['no partitions', ['--partitions=0', '--order=1'], /the number of partitions is 0/],
      [
        'a prefix without a name',
        ['--prefix=', '--order=1'],
        /the prefix ["']["'] is not a name and a colon/,
      ],
      [
        'a prefix with braces',
        ['--prefix={shop}:', '--order=1'],
        /the prefix ["']\{shop\}:["'] is not a name/,
      ],
    ])('nothing for %s', async (_, args, message) => {
      const {ok, output} = await reader.partitioned(args);
      expect([ok, output]).toEqual([false, expect.stringMatching(message)]);
    });
  });
});

(whyNoRedis === undefined ? describe : describe.skip)('in the partitioned layout', () => {
  const one = useEmptyRedis();
  let cluster: OwnCluster | undefined;
  beforeAll(async () => (cluster = await OwnCluster.open()));
  afterAll(async () => await cluster?.close());

  describe.each([nodeReader, pythonReader])('the $name example', (reader) => {
    const inDescribe = reader.name === 'python' && whyNot !== undefined ? describe.skip : describe;
    inDescribe('reads', () => {
      test.each(CONTENTS)(
        'orders with ids of the type $type, and totals, from one Redis',
        async (content) => {
          await one.redis.flushall();
          const wanted = await fill(one.redis, content);
          await expect(read(reader, content, ['--url', one.url])).resolves.toEqual(wanted);
        },
      );

      test.each(CONTENTS)(
        'the same from a cluster of two nodes, with ids of the type $type',
        async (content) => {
          const wanted = await fill(cluster!.client, content);
          expect((await cluster!.keyCounts()).every((count) => count > 0)).toBe(true);
          await expect(read(reader, content, ['--cluster', '--url', cluster!.url])).resolves.toEqual(wanted);
        },
      );

      test('the same with the rights of the Redis user `reports` in deploy/acl/redis-cluster.acl', async () => {
        const [content] = CONTENTS;
        const wanted = await fill(cluster!.client, content!);
        await cluster!.call('ACL', 'SETUSER', USER, 'reset', ...RULES);
        await cluster!.call('ACL', 'LOG', 'RESET');
        const url = new URL(cluster!.url);
        Object.assign(url, {username: USER, password: PASSWORD});
        await expect(read(reader, content!, ['--cluster', '--url', url.href])).resolves.toEqual(wanted);
        const denials = (await cluster!.call('ACL', 'LOG')) as unknown[][][];
        expect(denials.flat()).toEqual([]);
      });

      test('no order with another number of partitions, and none that does not exist', async () => {
        await one.redis.flushall();
        await fill(one.redis, {type: 'number', ids: ['2']});
        const args = ['--json', '--url', one.url, '--order', '2', '--order', '3'];
        const found = async (partitions: number): Promise<unknown> => {
          const {stdout} = await reader.partitioned([...args, '--partitions', String(partitions)]);
          const {orders} = camelNames(stdout) as {orders: {order: {id: string} | null}[]};
          return orders.map(({order}) => order?.id);
        };
        expect(await found(PARTITIONS)).toEqual(['2', undefined]);
        const other = [1, 2, 3, 5].find((count) => partitionOf('2', count) !== partitionOf('2', PARTITIONS));
        expect(await found(other!)).toEqual([undefined, undefined]);
      });
    });
  });
});
