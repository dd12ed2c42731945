/**
 * `projector audit` as a service, while the shop trades and processes are killed. It must find nothing that is not there, and continue where a
 * killed one was.
 */
import type {Connection} from 'mysql2/promise';
import {auditState, type AuditState} from '../../src/redis-model/audit.js';
import {keysWithPrefix} from '../../src/redis-model/keys.js';
import {WorkerProcess} from '../../stack/worker.js';
import {connectMysql, Pipeline, QUICK, startWorker, whenApplied} from '../support/pipeline.js';
import {projector} from '../support/projector.js';
import {chosenSeed, Random} from '../support/random.js';
import {shopOfFile, type Shop} from '../support/shop.js';
import {variables} from '../support/stack.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';
import {Workload} from '../support/workload.js';

const seed = chosenSeed();
/** Complete passes while the shop trades. */
const PASSES = inTier({test: 12, soak: 100});
const BASE = 7_000_000;

describe(`the audit, seed ${seed}`, () => {
  let pipeline: Pipeline;
  let shop: Shop;
  const running = new Set<WorkerProcess>();
  const keys = keysWithPrefix('audit:');

  beforeAll(async () => {
    shop = await shopOfFile();
    pipeline = await Pipeline.open('audit');
  });
  afterAll(async () => {
    for (const process of running) await process.end('SIGKILL');
    await pipeline.close();
  });
  afterEach(async () => {
    for (const process of running) await process.end('SIGTERM');
    running.clear();
    await pipeline.redis.del(keys.audit, keys.auditLease);
  });

  const settings = {REDIS_KEY_PREFIX: 'audit:'};
  const startAudit = (...options: string[]): WorkerProcess => {
    const audit = new WorkerProcess({...variables(), ...QUICK, ...settings}, ['audit', ...options]);
    running.add(audit);
    return audit;
  };
  const state = async (): Promise<AuditState> => auditState(await pipeline.redis.hgetall(keys.audit));
  const passes = (audit: WorkerProcess): number =>
    audit.log.filter(({msg}) => String(msg).startsWith('pass complete')).length;
  const says = async (audit: WorkerProcess, text: string, timeoutMs = 60_000): Promise<void> => {
    await until(
      () => audit.log.some(({msg}) => String(msg).includes(text)),
      () => `"${text}" in ${audit.output.slice(-2_000)}`,
      timeoutMs,
    );
  };

  test('a pass begins at once when a request is stored, and ends the request (G8)', async () => {
    const audit = startAudit('--repair', '--every', '1h');
    await says(audit, 'pass complete');
    await pipeline.redis.hset(keys.audit, 'requested', 'ALTER TABLE at topic[0] offset 7');
    await until(
      async () => (await state()).answered === 'ALTER TABLE at topic[0] offset 7',
      () => `an answer: ${audit.output.slice(-2_000)}`,
    );
    expect(passes(audit)).toBe(2);
    // The worker shows it. It looks every 15 s.
    const status = async (): Promise<string> =>
      (await projector(['status'], {...settings, PROJECTOR_HTTP_PORT: String(port())})).stdout;
    const port = (): unknown =>
      pipeline.worker.log.find(({msg}) => msg === 'http server listening')?.['port'];
    await until(
      async () =>
        /^audit +running, last pass .* ago: 0 differences, 0 repaired, 0 not decided$/m.test(await status()),
      () => 'the audit in the status',
    );
  });

  test('a second audit stands by, takes over after kill -9, and continues the pass at its place', async () => {
    const [{highest}] = await rows(pipeline.mysql, 'SELECT MAX(id) AS highest FROM orders');
    const values = Array.from(
      {length: 6_000},
      (_, i) => `(${Number(highest ?? 0) + i + 1}, ${BASE}, 1.00)`,
    ).join();
    await pipeline.sql(`INSERT INTO orders (id, user_id, total_amount) VALUES ${values}`);
    await whenApplied(pipeline, ['audit:'], {timeoutMs: 60_000});
    const first = startAudit('--rows-per-second', '500');
    await says(first, 'begins a pass');
    const second = startAudit('--repair', '--rows-per-second', '0', '--every', '1h');
    await says(second, 'standing by');
    await until(
      async () => ((await state()).current?.counts.orders ?? 0) > 1_500,
      () => `the place of the pass: ${first.output.slice(-1_000)}`,
    );
    await first.end('SIGKILL');
    const {current} = await state();
    await says(second, 'pass complete', 90_000);
    expect(second.log.find(({msg}) => msg === 'the audit continues an unfinished pass')).toBeDefined();
    const {last} = await state();
    expect(last?.startedMs).toBe(current?.startedMs);
    const [{count}] = await rows(pipeline.mysql, 'SELECT COUNT(*) AS count FROM orders');
    // Every order was compared once: those before the place by the first process, the others by the second one.
    expect(last).toMatchObject({orders: Number(count), differences: 0});
  });

  test('while the shop trades and worker, connector and audit are killed, no pass finds or repairs anything (G8)', async () => {
    const connections: Connection[] = await Promise.all([connectMysql(), connectMysql()]);
    const workload = new Workload(connections, seed, {base: BASE});
    const random = new Random(seed);
    const over = new AbortController();
    const trade = (async () => {
      while (!over.signal.aborted) {
        await workload.transact(10);
        await new Promise((resolve) => setTimeout(resolve, random.int(0, 300)));
      }
    })();
    const audits: WorkerProcess[] = [];
    const newAudit = async (): Promise<WorkerProcess> => {
      // The lease of the killed one would expire after 30 s.
      await pipeline.redis.del(keys.auditLease);
      const audit = startAudit('--repair', '--every', '1s', '--rows-per-second', '0');
      audits.push(audit);
      return audit;
    };
    try {
      let audit = await newAudit();
      for (let goal = 2; goal <= PASSES; goal += 2) {
        await until(
          () => audits.reduce((sum, one) => sum + passes(one), 0) >= goal,
          () => `${goal} passes: ${audit.output.slice(-3_000)}`,
          180_000,
        );
        const victim = random.pick(['worker', 'connector', 'audit']);
        if (victim === 'worker') {
          await pipeline.worker.end('SIGKILL');
          pipeline.worker = startWorker('audit');
        } else if (victim === 'connector') {
          // Redis then differs unchanged for longer than a difference takes to be certain otherwise.
          await shop.connector.stop();
          await new Promise((resolve) => setTimeout(resolve, 8_000));
          await shop.connector.resume();
        } else {
          await audit.end('SIGKILL');
          audit = await newAudit();
        }
      }
    } finally {
      over.abort();
      await trade;
      for (const connection of connections) await connection.end();
    }
    const places = audits.flatMap(({log}) => log.filter(({difference}) => difference !== undefined));
    expect(places).toEqual([]);
    await whenApplied(pipeline, ['audit:'], {timeoutMs: 60_000});
    const verified = await projector(['verify', '--wait', '60'], settings);
    expect(verified).toMatchObject({status: 0});
  }, 900_000);
});

async function rows(mysql: Connection, sql: string): Promise<[Record<string, string | null>]> {
  const [found] = await mysql.query(sql);
  return found as [Record<string, string | null>];
}
