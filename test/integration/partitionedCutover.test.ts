/** `rebuild` in the layout `partitioned`, with workers on a real Redis: runs that end or freeze after each step, and workers that write meanwhile. */
import type {RedisClient} from '../../src/clients/redis/client.js';
import type {Script} from '../../src/clients/redis/client.js';
import {Follower} from '../../src/operations/rebuild/follower.js';
import {startEmpty} from '../../src/operations/rebuild/initialLoad.js';
import {RebuildLock} from '../../src/operations/rebuild/lock.js';
import {PartitionedCutover} from '../../src/operations/rebuild/partitionedCutover.js';
import {PartitionedStaging} from '../../src/operations/rebuild/partitionedStaging.js';
import {Replacement, type Replaced} from '../../src/operations/rebuild/replacement.js';
import {ADOPT_SCRIPT, SET_REPORTS_SCRIPT} from '../../src/operations/rebuild/scripts.js';
import {parseFence} from '../../src/redis-model/fence.js';
import {keySpace, stagingSpace} from '../../src/redis-model/keys.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {longRun} from '../support/arbitraries.js';
import {LAYOUT, TOPIC} from '../support/redisBench.js';
import {until} from '../support/until.js';
import {WorkerBench} from '../support/workerBench.js';

const LIVE = keySpace('partitioned', 'test:');
const STAGING = stagingSpace('test:');
const LOCK = LIVE.shared.rebuildLock;
const PARTITIONS = [0, 1, 2];

let bench: WorkerBench;
let runs = 0;
beforeAll(async () => (bench = await WorkerBench.open(9, undefined, {isPartitioned: true})));
afterEach(async () => await bench.reset());
afterAll(async () => await bench.close());

/** What a test does between the steps of a run. */
interface Interference {
  /** Called before a script with the name of its step: `begin`, ..., `finish`, `reports`, or the name of the script. It may throw or wait. */
  readonly before?: (step: string) => Promise<void> | void;
  /** Called after each script. */
  readonly after?: (step: string) => Promise<void> | void;
}

interface Run {
  readonly done: Promise<Replaced>;
  readonly events: string[];
}

function hostOf(client: RedisClient, {before, after}: Interference) {
  return {
    address: client.address,
    hash: client.hash.bind(client),
    getAll: client.getAll.bind(client),
    keysMatching: client.keysMatching.bind(client),
    run: async (script: Script, key: string, args: readonly string[]): Promise<unknown> => {
      const isAdoption = script === ADOPT_SCRIPT;
      const step = isAdoption ? args[0]! : script === SET_REPORTS_SCRIPT ? 'reports' : script.name;
      await before?.(step);
      const reply = await client.run(script, key, args);
      await after?.(step);
      return reply;
    },
  };
}

/** A rebuild from the start of the topic. */
async function rebuild(interference: Interference = {}): Promise<Run> {
  const {client} = bench.redis;
  const id = `rebuild${++runs}`;
  const host = hostOf(client, interference);
  const events: string[] = [];
  const worker = await bench.worker({isStaging: true});
  const model = bench.redis.stagingModelOn(client);
  const ranges = async () =>
    await Promise.resolve(new Map(PARTITIONS.map((each) => [each, bench.topic.range(each)])));
  const lock = new RebuildLock(host, {key: LOCK, text: `${id} rebuild on test`, clock: systemClock});
  const loadModel = {
    apply: model.apply.bind(model),
    load: model.load.bind(model),
    chunkCount: async (partition: number) =>
      Number((await client.hash(STAGING.partition(partition).chunks))['finished'] ?? '0'),
  };
  const plan = {prefix: 'test:', topic: TOPIC, partitions: 3, layout: LAYOUT, id, mark: 'rebuild'} as const;
  const cutover = new PartitionedCutover(
    host,
    {...plan, lockKey: LOCK, lockText: lock.text, ranges, begun: () => undefined, progress: () => undefined},
    systemClock,
  );
  const replacement = new Replacement({
    lock,
    live: null,
    staging: new PartitionedStaging(host, 'test:', 3),
    prefix: 'test:',
    id,
    mark: 'rebuild',
    mayResume: true,
    load: async () =>
      await startEmpty({ranges, model: loadModel, clock: systemClock, id, partitionOf: () => 0}),
    follow: () =>
      new Follower({
        worker: {
          run: async () => {
            const failure = await worker.ended;
            if (failure !== undefined) throw failure;
          },
          stop: () => worker.projector.stop(),
        },
        log: {begin: () => worker.log.assign(bench.topic.partitions)},
        endWindows: () => undefined,
        positions: model.positions,
        ranges,
        clock: systemClock,
        progress: () => undefined,
      }),
    cutover,
    clock: systemClock,
    notify: ({kind}) => void events.push(kind),
  });
  return {done: replacement.run(new AbortController().signal), events};
}

/** A process that dies at this step: none of its later scripts arrives. Its fences and its lock expire at once. */
async function crashAt(step: string, number: number, when: 'before' | 'after'): Promise<void> {
  let count = 0;
  let isDead = false;
  const die = (): void => {
    if (isDead) throw new ProjectorError('internal', 'the process is dead');
  };
  const run = await rebuild({
    before: (at) => {
      if (when === 'before' && at === step && ++count === number) isDead = true;
      die();
    },
    after: (at) => {
      if (when === 'after' && at === step && ++count === number) isDead = true;
      die();
    },
  });
  await expect(run.done).rejects.toMatchObject({detail: 'the process is dead'});
  await bench.redis.redis.del(LOCK);
  await expireFences();
}

async function expireFences(): Promise<void> {
  for (const key of bench.redis.model.positions.keys(3)) {
    const text = (await bench.redis.redis.get(key)) ?? '';
    if (parseFence(text) !== undefined)
      await bench.redis.redis.set(key, text.replace(/^fence \d+/, 'fence 0'));
  }
}

async function expectNoRest(): Promise<void> {
  const keys = await bench.redis.redis.keys('{test*');
  expect(keys.filter((key) => /staging|rebuild/.test(key))).toEqual([]);
  const texts = await bench.redis.redis.mget(bench.redis.model.positions.keys(3));
  expect(texts.filter((text) => parseFence(text ?? '') !== undefined)).toEqual([]);
}

/** Orders that differ, that are missing, and that no topic contains; keys of an earlier topic with more partitions. */
async function damage(): Promise<void> {
  const {redis} = bench.redis;
  const orders = (await redis.keys('{test:*}:order:*')).sort();
  const lines = (await redis.keys('{test:*}:order_lines:*')).sort();
  expect(orders.length).toBeGreaterThan(1);
  await redis.hset(orders[0]!, 'total_amount', '12.00');
  await redis.del(orders[1]!, lines.at(-1)!);
  await redis.hset('{test:1}:order:777', {id: '777', user_id: '1', total_amount: '1.00'});
  await redis.set('{test:2}:order_lines:778', '1:2:3');
  await redis.hset(LIVE.partition(0).quarantine, `${TOPIC}[0]@1`, 'x');
  await redis.hset('{test:7}:order:779', {id: '779', user_id: '1', total_amount: '1.00'});
  await redis.set('{test:7}:projector:position:test.events:7', 'v1 5');
  await redis.set(LIVE.partition(1).position('old.topic', 1), 'v1 5');
  await redis.hincrby(LIVE.shared.reportTotals, 'revenue', 5);
}

test('a damaged read model is exact after a rebuild, while a worker runs and records arrive (I15, I19)', async () => {
  const log = longRun(401, 600);
  bench.write(log.slice(0, 300));
  await bench.soleWorker();
  await bench.expectExact();
  await damage();
  let begun = 0;
  const run = await rebuild({
    before: (step) => {
      if (step === 'begin' && ++begun === 1) bench.write(log.slice(300, 450));
      if (step === 'finish') bench.write(log.splice(450, 10));
    },
  });
  await expect(run.done).resolves.toMatchObject({resumed: false});
  expect(run.events).toContain('switched');
  await bench.expectExact();
  await expectNoRest();
  bench.write(log.slice(450));
  await bench.expectExact();
  expect(await bench.redis.redis.keys('*old.topic*')).toEqual([]);
});

test('an empty Redis without a worker gets an exact read model (I15)', async () => {
  bench.write(longRun(402, 200));
  const run = await rebuild();
  await run.done;
  await expectNoRest();
  await bench.expectExactOrders();
  await bench.soleWorker();
  bench.write(longRun(403, 100));
  await bench.expectExactOrders();
});

const CRASHES: [string, number, 'before' | 'after'][] = [
  ['begin', 1, 'after'],
  ['begin', 3, 'after'],
  ['remove', 1, 'after'],
  ['turn', 2, 'after'],
  ['rename', 1, 'before'],
  ['rename', 1, 'after'],
  ['reports', 1, 'before'],
  ['reports', 1, 'after'],
  ['finish', 1, 'after'],
  ['finish', 3, 'after'],
];

test.each(CRASHES)(
  'a run that dies at `%s` number %i (%s it) leaves orders that workers make exact, and the next run makes all exact (I3, I15, I18)',
  async (step, number, when) => {
    const log = longRun(410, 400);
    bench.write(log.slice(0, 200));
    const worker = await bench.soleWorker();
    await bench.expectExact();
    await worker.stop();
    // The live positions are before those of the run.
    bench.write(log.slice(200, 300));
    await crashAt(step, number, when);
    const next = await bench.soleWorker();
    await bench.expectExactOrders();
    const isAfterReports = step === 'finish' || (step === 'reports' && when === 'after');
    if (isAfterReports) await bench.expectExact();
    bench.write(log.slice(300));
    const again = await rebuild();
    await again.done;
    expect(again.events.includes('restarted')).toBe(step !== 'finish' || number < 3);
    await bench.expectExact();
    await expectNoRest();
    expect(await next.stop()).toBeUndefined();
  },
);

test.each(['begin', 'remove', 'turn', 'rename', 'reports', 'finish'])(
  'a run whose reply to `%s` is lost continues, and workers wait meanwhile (I4)',
  async (step) => {
    const log = longRun(415, 300);
    bench.write(log.slice(0, 200));
    await bench.soleWorker();
    await bench.expectExact();
    await damage();
    bench.write(log.slice(200));
    let lost = 0;
    const run = await rebuild({
      after: (at) => {
        if (at === step && ++lost === 2) throw new ProjectorError('redis-unreachable', 'no reply');
        if (at === 'reports' && step === at && lost === 1)
          throw new ProjectorError('redis-unreachable', 'no reply');
      },
    });
    await run.done;
    await bench.expectExact();
    await expectNoRest();
  },
);

test('a run that died before its cutover is resumed', async () => {
  bench.write(longRun(420, 200));
  await bench.soleWorker();
  await crashAt('begin', 1, 'before');
  const again = await rebuild();
  await expect(again.done).resolves.toMatchObject({resumed: true});
  await bench.expectExact();
  await expectNoRest();
});

test.each(['begin', 'remove', 'turn', 'rename', 'reports', 'finish'])(
  'a run that was frozen before `%s` and has lost its lock and its fences changes nothing (C4)',
  async (step) => {
    const log = longRun(430, 400);
    bench.write(log.slice(0, 200));
    await bench.soleWorker();
    await bench.expectExact();
    let frozen: (() => void) | undefined;
    let end: (() => void) | undefined;
    const thawed = new Promise<void>((resolve) => (end = resolve));
    const zombie = await rebuild({
      before: async (at) => {
        if (at === step) frozen ??= () => undefined;
        if (frozen !== undefined) await thawed;
      },
    });
    const failed = expect(zombie.done).rejects.toMatchObject({kind: 'rebuild-lost'});
    await until(
      () => frozen !== undefined,
      () => `the run to reach ${step}`,
    );
    await bench.redis.redis.del(LOCK);
    await expireFences();
    bench.write(log.slice(200, 300));
    await bench.expectExactOrders();
    const other = await rebuild();
    await other.done;
    bench.write(log.slice(300));
    await bench.expectExact();
    end?.();
    await failed;
    await bench.expectExact();
    await expectNoRest();
  },
);

test('staging that does not reach the live positions replaces nothing, and the fences are removed (I15)', async () => {
  bench.write(longRun(440, 200));
  const worker = await bench.soleWorker();
  await bench.expectExact();
  await worker.stop();
  const {client} = bench.redis;
  await new PartitionedStaging(client, 'test:', 3).prepare('rebuild', 'x');
  const before = await bench.redis.snapshot('*');
  const plan = {
    prefix: 'test:',
    topic: TOPIC,
    partitions: 3,
    layout: LAYOUT,
    id: 'x',
    mark: 'rebuild',
  } as const;
  const ranges = async () =>
    await Promise.resolve(new Map(PARTITIONS.map((each) => [each, bench.topic.range(each)])));
  const rest = {lockKey: LOCK, lockText: 'x', ranges, begun: () => undefined, progress: () => undefined};
  const cutover = new PartitionedCutover(client, {...plan, ...rest}, systemClock);
  expect(await cutover.try(new AbortController().signal)).toBe(false);
  expect(await bench.redis.snapshot('*')).toEqual(before);
});
