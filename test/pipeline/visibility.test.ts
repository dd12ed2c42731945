/**
 * A transaction is in the topic, and MySQL does not show it to other sessions, as with semi-synchronous replication or on a replica. The
 * record of the transaction is written by hand. Its GTID is executed later.
 */
import type {Connection, RowDataPacket} from 'mysql2/promise';
import {partitionOf, produce} from '../support/kafka.js';
import {ended, OwnShop, verification} from '../support/ownShop.js';
import {freshId} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {connectRoot, shopOfFile} from '../support/shop.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: visibility. ${whyNot}\n`);

const PARTITIONS = 6;
/** A heartbeat of the connector must not follow the record in its partition. */
const PARTITION = (partitionOf('1', PARTITIONS) + 1) % PARTITIONS;

(whyNot === undefined ? describe : describe.skip)('a transaction that MySQL does not show (S8)', () => {
  let shop: OwnShop;
  let root: Connection;
  let transaction = 900_000_000;

  beforeAll(async () => {
    shop = await OwnShop.open('unseen', {base: 17_000_000, seed: chosenSeed()});
    root = await connectRoot();
  }, 120_000);

  afterAll(async () => {
    await root.end();
    await shop.close();
  });

  /** Writes a record of a transaction that MySQL has not executed. Returns its GTID. */
  async function unseenRecord(): Promise<string> {
    const [[server]] = await root.query<RowDataPacket[]>('SELECT @@server_uuid AS id');
    const gtid = `${String(server?.['id'])}:${++transaction}`;
    const source = {__op: 'u', __table: 'heartbeat', __source_ts_ms: Date.now(), __source_gtid: gtid};
    const value = JSON.stringify({id: 1, ts: '2026-01-01T00:00:00Z', ...source});
    await produce((await shopOfFile()).topic, [{key: '1', value, partition: PARTITION}]);
    return gtid;
  }

  async function isAwaited(gtid: string): Promise<void> {
    await until(
      async () => {
        const [sessions] = await root.query<RowDataPacket[]>('SHOW FULL PROCESSLIST');
        return sessions.some(
          ({Info: query}) =>
            String(query).includes('WAIT_FOR_EXECUTED_GTID_SET') && String(query).includes(gtid),
        );
      },
      () => `a session that waits for ${gtid}`,
    );
  }

  async function execute(gtid: string): Promise<void> {
    await root.query(`SET gtid_next = '${gtid}'; BEGIN; COMMIT; SET gtid_next = 'AUTOMATIC'`);
  }

  test('sync waits for it before it reads MySQL', async () => {
    const gtid = await unseenRecord();
    const sync = shop.command(['sync', '--replace']);
    await isAwaited(gtid);
    expect(sync.isRunning).toBe(true);
    await execute(gtid);
    const {code, output} = await ended(sync);
    expect([code, output]).toEqual([0, expect.stringContaining('line items were read')]);
  }, 90_000);

  test('verify calls no difference certain before that', async () => {
    const id = freshId();
    await shop.mysql.query('INSERT INTO orders (id, user_id, total_amount) VALUES (?, 1, 1)', [id]);
    await shop.applied();
    await shop.redis.hset(`${shop.prefix}order:${id}`, 'total_amount', '2.00');
    const gtid = await unseenRecord();
    const verify = await verification(shop, []);
    await isAwaited(gtid);
    expect(verify.isRunning).toBe(true);
    await execute(gtid);
    const {code, output} = await ended(verify);
    expect([code, output]).toEqual([3, expect.stringContaining(`order:${id}`)]);
  }, 90_000);
});
