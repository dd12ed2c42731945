/**
 * Several connections write many changes at once. After the whole pipeline has applied them, Redis equals
 * MySQL.
 */
import type {Connection} from 'mysql2/promise';
import {endOffsets} from '../support/kafka.js';
import {connectMysql, Pipeline} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {shopOfFile} from '../support/shop.js';
import {inTier} from '../support/tier.js';
import {Workload} from '../support/workload.js';

const CHANGES = inTier({test: 10_000, soak: 1_000_000});
const CONNECTIONS = 8;
const TRANSACTIONS_AT_ONCE = 500;
const TIMEOUT_MS = inTier({test: 120_000, soak: 3_600_000});
const seed = chosenSeed();

let shop: Pipeline;
let connections: Connection[] = [];
afterAll(async () => {
  for (const connection of connections) await connection.end();
  await shop.close();
});

test(
  `after ${CHANGES} changes of rows Redis equals MySQL (G1, G2), seed ${seed}`,
  async () => {
    shop = await Pipeline.open('volume');
    connections = await Promise.all(Array.from({length: CONNECTIONS}, connectMysql));
    const workload = new Workload(connections, seed, {base: 9_500_000});
    const {topic} = await shopOfFile();
    const records = async (): Promise<number> =>
      [...(await endOffsets(topic)).values()].reduce((sum, end) => sum + Number(end), 0);
    while ((await records()) < CHANGES) await workload.transact(TRANSACTIONS_AT_ONCE);
    await shop.applied(TIMEOUT_MS / 2);

    expect(await shop.differences()).toEqual([]);
    expect(workload.committed).toBeGreaterThan(TRANSACTIONS_AT_ONCE);
  },
  TIMEOUT_MS,
);
