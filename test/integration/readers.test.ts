/** The programs in examples/ read from Redis what the command line reads from it. */
import {createServer, type AddressInfo, type Server} from 'node:net';
import {main} from '../../src/cli/program.js';
import type {Change} from '../../src/domain/change.js';
import {idOfText, textOfId} from '../../src/domain/id.js';
import {item, order, orderGone} from '../support/changes.js';
import {camelNames, nodeReader, pythonReader, whyNoPython, type Reader} from '../support/readers.js';
import {RedisBench} from '../support/redisBench.js';
import {redisRules} from '../support/redisRights.js';

const whyNot = whyNoPython();
if (whyNot !== undefined) process.stderr.write(`skipped: the Python example. ${whyNot}\n`);

const DATABASE = 14;
const PREFIX = 'shop:';
const USER = 'order-projector-readers';
const PASSWORD = 'secret';
/** Ids as MySQL prints them. Some need percent-encoding in keys. */
const IDS = ['1', '9007199254740993', 'a:b', 'Ä 1/2', "x*(')!,;", '{7}'];

interface Report {
  readonly totals: {readonly orders: string; readonly units: string; readonly revenue: string};
  readonly bestSellers: readonly {readonly productId: string; readonly unitsSold: string}[];
  readonly topSpenders: readonly {readonly userId: string; readonly spent: string}[];
}

interface Shown {
  readonly order: Readonly<Record<string, string>>;
  readonly items: readonly {readonly product_id: string; readonly quantity: string}[];
}

let bench: RedisBench;
beforeEach(async () => (bench = await RedisBench.open(DATABASE, {prefix: PREFIX})));
afterEach(async () => {
  await bench.redis.call('ACL', 'DELUSER', USER);
  await bench.close();
});

/** What `projector ...` prints, as JSON. */
async function printed<T>(args: readonly string[], settings: Readonly<Record<string, string>>): Promise<T> {
  const lines: string[] = [];
  const output = {line: (text: string) => void lines.push(text), note: () => undefined};
  const environment = {REDIS_URL: bench.url, REDIS_KEY_PREFIX: PREFIX, ...settings};
  expect(await main(['node', 'projector', ...args], environment, output)).toBe(0);
  return JSON.parse(lines.join('')) as T;
}

/** What a reader prints, with the names of the Node example. */
async function read(reader: Reader, args: readonly string[]): Promise<unknown> {
  const {ok, stdout, output} = await reader.report([
    '--url',
    bench.url,
    '--prefix',
    PREFIX,
    '--json',
    ...args,
  ]);
  if (!ok) throw new Error(`the ${reader.name} example failed: ${output}`);
  return camelNames(stdout);
}

/** What both readers must print, derived from what the commands print. */
async function wanted(
  ids: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const {totals, bestSellers, topSpenders} = await printed<Report>(
    ['report', '--json', '--top', '4'],
    settings,
  );
  const orders: unknown[] = [];
  for (const id of ids) {
    const {order: row, items} = await printed<Shown>(['orders', 'show', '--json', '--', id], settings);
    orders.push({
      id,
      userId: row['user_id'] === '' ? null : textOfId(row['user_id']!),
      totalAmount: row['total_amount'],
      items: items.map(({product_id: product, quantity}) => ({
        productId: product === '' ? null : textOfId(product),
        quantity,
      })),
    });
  }
  return {
    totals: {...totals, orders: Number(totals.orders)},
    bestSellers: bestSellers.map((row) => ({...row, productId: textOfId(row.productId)})),
    topSpenders: topSpenders.map((row) => ({...row, userId: textOfId(row.userId)})),
    orders,
  };
}

function changesOf(id: string, index: number): Change[] {
  const orderId = idOfText(id);
  return [
    order(orderId, {user: idOfText(IDS[index % 3]!), total: `${index * 1_000}.${index}5`}),
    ...Array.from({length: index}, (_, line) =>
      item(`${orderId}/${line + 1}`, {product: idOfText(IDS[line]!), quantity: String(index + line)}),
    ),
  ];
}

function addressWith(user: string): string {
  const url = new URL(bench.url);
  url.username = user;
  url.password = PASSWORD;
  return url.href;
}

/** The rules of `reports`, with the prefix after each `~`, as docs/redis.md says. */
function rulesWithPrefix(): string[] {
  return redisRules(PASSWORD, 'reports').map((rule) => rule.replace(/^~/, `~${PREFIX}`));
}

/** A server that responds to every command as Redis does while it reads its data from disk. */
async function loadingRedis(): Promise<{url: string; server: Server}> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const commands = data.toString().match(/^\*\d+\r\n/gm)?.length ?? 0;
      socket.write('-LOADING Redis is loading the dataset in memory\r\n'.repeat(commands));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}/0`, server};
}

describe.each([nodeReader, pythonReader])('the $name example', (reader) => {
  const inDescribe = reader.name === 'python' && whyNot !== undefined ? describe.skip : describe;
  inDescribe('reads Redis', () => {
    test('and prints the same report and the same orders as the command line, for ids of every kind', async () => {
      await bench.applyAll([
        IDS.flatMap(changesOf),
        [order('guest', {user: '', total: '7.30'}), item('guest/1', {product: '', quantity: '3'})],
        [order('refund', {user: '70', total: '-0.05'}), order('gone', {user: '71'})],
        [orderGone('gone')],
      ]);
      const ids = [...IDS, 'guest', 'refund'];
      const args = [...ids.flatMap((id) => ['--order', id]), '--order', 'gone', '--top', '4'];
      await expect(read(reader, args)).resolves.toEqual(await wanted(ids));
      const decimals = ['--money-decimals', '3', '--quantity-decimals', '1'];
      await expect(read(reader, [...args, ...decimals])).resolves.toEqual(
        await wanted(ids, {MONEY_DECIMALS: '3', QUANTITY_DECIMALS: '1'}),
      );
    });

    test('and needs only the rights of the Redis user `reports`', async () => {
      await bench.applyAll([changesOf('a:b', 2)]);
      await bench.redis.call('ACL', 'SETUSER', USER, ...rulesWithPrefix());
      // The log also has what other test files did on this server.
      await bench.redis.call('ACL', 'LOG', 'RESET');
      const args = ['--url', addressWith(USER), '--prefix', PREFIX, '--order', 'a:b'];
      const {ok, output} = await reader.report(args);
      expect([ok, output]).toEqual([true, expect.stringContaining('2000.25')]);
      await expect(bench.redis.call('ACL', 'LOG')).resolves.toEqual([]);
    });

    test('and tells an empty Redis from a shop without orders', async () => {
      const args = ['--url', bench.url, '--prefix', PREFIX];
      await expect(reader.report(args)).resolves.toMatchObject({
        ok: false,
        output: expect.stringContaining('the read model is empty') as string,
      });
      await bench.applyAll([[order('1')], [orderGone('1')]]);
      const {ok, stdout} = await reader.report([...args, '--json']);
      expect([ok, JSON.parse(stdout)]).toMatchObject([true, {totals: {orders: 0, revenue: '0.00'}}]);
      await bench.redis.set(`${PREFIX}projector:staging`, 'rebuild');
      await expect(reader.report(args)).resolves.toMatchObject({
        ok: false,
        output: expect.stringContaining('the read model is building') as string,
      });
    });

    test('and says so at once if Redis is loading', async () => {
      const {url, server} = await loadingRedis();
      try {
        await expect(reader.report(['--url', url])).resolves.toMatchObject({
          ok: false,
          output: expect.stringContaining('the read model is loading') as string,
        });
      } finally {
        server.close();
      }
    });
  });
});
