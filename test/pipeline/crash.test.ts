/**
 * A random shop writes while the worker is killed, stopped, duplicated and frozen at moments that the seed
 * picks.
 *
 * Afterwards Redis must equal MySQL. A rebuild from the start of the topic must equal Redis, byte by byte
 * (G1, G2, G7).
 * `SEED=... npm test -- crash` repeats the same actions, but not their timing.
 */
import {performance} from 'node:perf_hooks';
import type {Connection} from 'mysql2/promise';
import type {WorkerProcess} from '../../stack/worker.js';
import {connectMysql, Pipeline, startWorker, whenApplied} from '../support/pipeline.js';
import {chosenSeed, Random} from '../support/random.js';
import {positions, readModel} from '../support/readModel.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';
import {Workload} from '../support/workload.js';

/** Kills while records are applied. After them, kills in a row, before the worker can apply much. */
const KILLS = inTier({test: 16, soak: 80});
const BURST = inTier({test: 10, soak: 30});
const TRANSACTIONS_PER_PHASE = 120;
const BASE = 9_000_000;
/**
 * Kafka reassigns the partitions of a dead worker only after its session has timed out, so the session is
 * short. With small chunks a kill can hit many different moments.
 */
const SETTINGS = {
  KAFKA_SESSION_TIMEOUT_MS: '2000',
  KAFKA_HEARTBEAT_INTERVAL_MS: '300',
  PROJECTOR_CHUNK_ORDERS_MAX: '5',
  PROJECTOR_CHUNK_RECORDS_MAX: '20',
};
const seed = chosenSeed();

describe(`a random shop, seed ${seed}`, () => {
  let shop: Pipeline;
  let connections: Connection[];
  let workload: Workload;
  const random = new Random(seed);

  beforeAll(async () => {
    shop = await Pipeline.open('crash', SETTINGS);
    connections = await Promise.all([connectMysql(), connectMysql(), connectMysql()]);
    workload = new Workload(connections, seed, {base: BASE});
  });

  afterAll(async () => {
    await shop.close();
    for (const connection of connections) await connection.end();
  });

  const assignedTo = (worker: WorkerProcess): number[] => {
    const line = worker.log.findLast(({msg}) => msg === 'partitions assigned');
    return (line?.['partitions'] as number[] | undefined) ?? [];
  };

  const owns = async (worker: WorkerProcess, isRight: (partitions: number) => boolean): Promise<void> => {
    await until(
      () => isRight(assignedTo(worker).length),
      () => `another partition assignment: ${worker.output.slice(-1_500)}`,
      60_000,
    );
  };

  /**
   * Resolves in the middle of a phase, after some transactions. In half of the cases it also waits until
   * the next script has run.
   */
  const someMoment = async (): Promise<void> => {
    await workload.reached(workload.committed + random.int(1, TRANSACTIONS_PER_PHASE - 20));
    if (random.chance(0.5)) return;
    const positionsText = async (): Promise<string> =>
      [...(await positions(shop.redis, shop.prefix))].join(' ');
    const before = await positionsText();
    await until(
      async () => (await positionsText()) !== before,
      () => 'a position to move',
    );
  };

  const dies = async (): Promise<void> => {
    expect(await shop.worker.end('SIGKILL')).toEqual({code: null, signal: 'SIGKILL'});
    shop.worker = startWorker(shop.name, SETTINGS);
  };

  /** Kills the worker as soon as it has started, or as soon as it has its partitions. */
  const diesEarly = async (): Promise<void> => {
    const sign = random.pick(['worker starts', 'partitions assigned']);
    await until(
      () => shop.worker.log.some(({msg}) => msg === sign),
      () => `${sign}: ${shop.worker.output.slice(-1_500)}`,
      60_000,
    );
    await dies();
  };

  test(
    `a worker that is killed ${KILLS} times, then ${BURST} times in a row, loses nothing and counts nothing twice (G1, G2, I1, C2, C3) (F04)`,
    async () => {
      for (let kill = 0; kill < KILLS; kill++) {
        await owns(shop.worker, (partitions) => partitions === 6);
        await Promise.all([workload.transact(TRANSACTIONS_PER_PHASE), someMoment().then(dies)]);
      }
      const inARow = async (): Promise<void> => {
        for (let kill = 0; kill < BURST; kill++) await diesEarly();
      };
      await Promise.all([workload.transact(TRANSACTIONS_PER_PHASE), inARow()]);
      await shop.applied(60_000);

      expect(await shop.differences()).toEqual([]);
    },
    inTier({test: 300_000, soak: 2_400_000}),
  );

  test('a worker that receives SIGTERM while it applies records exits with 0 within 10 s and loses nothing (I12) (F05)', async () => {
    let stopMs = Infinity;
    const stops = async (): Promise<void> => {
      await someMoment();
      const begin = performance.now();
      expect(await shop.worker.end('SIGTERM')).toEqual({code: 0, signal: null});
      stopMs = performance.now() - begin;
      shop.worker = startWorker(shop.name, SETTINGS);
    };
    await Promise.all([workload.transact(TRANSACTIONS_PER_PHASE), stops()]);
    await shop.applied();

    expect(stopMs).toBeLessThan(10_000);
    expect(await shop.differences()).toEqual([]);
  });

  test('a frozen worker that continues after its partitions were reassigned changes nothing (C1, I5) (F07)', async () => {
    const second = startWorker(shop.name, SETTINGS);
    try {
      await owns(second, (partitions) => partitions === 3);
      await owns(shop.worker, (partitions) => partitions === 3);
      const freezes = async (): Promise<void> => {
        await someMoment();
        shop.worker.send('SIGSTOP');
        await owns(second, (partitions) => partitions === 6);
      };
      await Promise.all([workload.transact(TRANSACTIONS_PER_PHASE), freezes()]);
      const awakes = async (): Promise<void> => {
        await someMoment();
        shop.worker.send('SIGCONT');
      };
      await Promise.all([workload.transact(TRANSACTIONS_PER_PHASE), awakes()]);
      await shop.applied(60_000);

      expect(second.isRunning).toBe(true);
      expect(await shop.differences()).toEqual([]);
    } finally {
      shop.worker.send('SIGCONT');
      await second.end('SIGTERM');
    }
  });

  test('a rebuild from the start of the topic with other chunk sizes has the same content, byte by byte (G7, I7)', async () => {
    const rebuilt = startWorker('crash-rebuilt', {
      PROJECTOR_CHUNK_ORDERS_MAX: '300',
      PROJECTOR_CHUNK_RECORDS_MAX: '2000',
    });
    try {
      await shop.applied(60_000);
      await whenApplied(shop, [shop.prefix, 'crash-rebuilt:'], {timeoutMs: 60_000});
      const lived = await readModel(shop.redis, shop.prefix);

      expect(lived.size).toBeGreaterThan(500);
      expect(await readModel(shop.redis, 'crash-rebuilt:')).toEqual(lived);
    } finally {
      await rebuilt.end('SIGTERM');
    }
    // G6: each record was counted exactly once.
    const summary = rebuilt.log.findLast(({msg}) => msg === 'summary') ?? {};
    const nextOffsets = [...(await positions(shop.redis, 'crash-rebuilt:')).values()];
    expect(BigInt(Number(summary['applied']) + Number(summary['ignored']))).toBe(
      nextOffsets.reduce((sum, next) => sum + next, 0n),
    );
    const {committed, rolledBack, conflicts} = workload;
    process.stderr.write(
      `crash: ${committed} transactions, ${rolledBack} rolled back, ${conflicts} conflicts, ` +
        `${nextOffsets.reduce((sum, next) => sum + next, 0n)} records, ${KILLS + BURST} kills, seed ${seed}\n`,
    );
  });
});
