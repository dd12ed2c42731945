/** The host has no disk space for logs, too few file descriptors or too little memory, or its clock jumps. */
import {spawn, spawnSync, type ChildProcess} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {longRun} from '../support/arbitraries.js';
import {FaultBench} from '../support/faultBench.js';
import {QUICK, type Variables} from '../support/pipeline.js';
import {testStack, variables} from '../support/stack.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';
import {hasSaid, said} from '../support/workerLog.js';
import {WorkerBench} from '../support/workerBench.js';

/** The number of records in the topic when the worker starts. They do not fit into its heap. */
const BACKLOG = inTier({test: 300_000, soak: 1_000_000});

test('a worker whose clock jumps by an hour, back and forth, applies every record once and in order (F75)', async () => {
  const bench = await WorkerBench.open(13);
  try {
    let aheadMs = 0;
    const clock = {...systemClock, nowMs: (): number => Date.now() + aheadMs};
    const log = longRun(75);
    bench.write(log);
    const worker = await bench.soleWorker({clock, settings: {summaryIntervalMs: 50}});
    for (let at = 50n; at < 500n; at += 75n) {
      await bench.midway(at);
      aheadMs = aheadMs === 0 ? 3_600_000 : -aheadMs;
    }
    await bench.expectExact();
    expect(await worker.stop()).toBeUndefined();
    expect(worker.projector.counts).toMatchObject({
      applied: log.length,
      consumed: log.length,
      positionResets: 0,
    });
  } finally {
    await bench.reset();
    await bench.close();
  }
});

describe('a worker that runs out of a resource of its host', () => {
  let bench: FaultBench;
  let child: ChildProcess | undefined;
  beforeEach(async () => (bench = await FaultBench.open('faults-host', {partitions: 2})));
  afterEach(async () => {
    child?.kill('SIGKILL');
    await bench.close();
  });

  /** Starts the worker from a shell command. In `command`, "$@" stands for node and its arguments. */
  function shell(
    command: string,
    extra: Variables = {},
  ): {output: () => string; ended: Promise<number | null>} {
    const env = {
      ...process.env,
      NODE_ENV: 'production',
      ...variables(),
      ...QUICK,
      REDIS_KEY_PREFIX: bench.prefix,
      KAFKA_GROUP_ID: bench.group,
      KAFKA_TOPIC: bench.topic,
      PROJECTOR_SUMMARY_INTERVAL_MS: '1000',
      ...extra,
    };
    const args = ['-c', command, 'sh', process.execPath, 'dist/main.js', 'run'];
    const started = spawn('sh', args, {env, stdio: ['ignore', 'pipe', 'pipe']});
    child = started;
    let output = '';
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    const ended = new Promise<number | null>((resolve) => started.once('close', resolve));
    return {output: () => output, ended};
  }

  test('a worker whose stdout is full continues without its log, and exits with 0 on SIGTERM (F76)', async () => {
    const {ended} = shell('exec "$@" > /dev/full');
    await bench.write(200);
    await bench.applied();
    await bench.whileWriting(async () => await bench.advanced(100n));
    await bench.applied();
    child?.kill('SIGTERM');
    expect(await ended).toBe(0);
    await bench.expectExact({ends: false});
  });

  test('a worker with too few file descriptors to load its own files reports EMFILE, and exits with 1 (F77)', async () => {
    const {output, ended} = shell('ulimit -n 32; exec "$@"');
    expect(await ended).toBe(1);
    expect(output()).toMatch(/EMFILE: too many open files/);
    expect(await bench.progress()).toBe(0n);
  });

  const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;
  if (!hasPrlimit) process.stderr.write('skipped: descriptors that run out. There is no prlimit here.\n');

  (hasPrlimit ? test : test.skip)(
    'a worker that runs out of file descriptors logs one line with EMFILE, waits, and resumes when it has more (F77)',
    async () => {
      const proxy = await TcpProxy.open(testStack().env.redis.url);
      try {
        const worker = bench.start({
          REDIS_URL: proxy.url(testStack().env.redis.url),
          REDIS_TIMEOUT_MS: '1000',
        });
        await bench.write(100);
        await bench.applied();
        let outages = 0;
        do {
          // A limit of 3 allows only the three standard streams. With a higher limit, a descriptor below it
          // may have become free.
          limitDescriptors(worker.pid, 3);
          proxy.cutAll();
          await hasSaid(worker, /^waiting: /, ++outages);
          await bench.write(100);
          limitDescriptors(worker.pid, 1_024);
          await hasSaid(worker, /^recovered: /, outages);
          await bench.applied();
          expect(said(worker, /^waiting: /)).toBe(outages);
          // If a request was in flight when the connection was cut, the worker logs that error instead of
          // EMFILE. Then the test repeats the outage.
        } while (said(worker, /^waiting: .*EMFILE/) === 0);
        expect(said(worker, /^waiting: .*EMFILE/)).toBe(1);
        await bench.expectExact();
      } finally {
        await proxy.close();
      }
    },
  );
});

/** Sets only the soft limit, because it can be raised again. */
function limitDescriptors(pid: number, count: number): void {
  const {status, stderr} = spawnSync('prlimit', [`--pid=${pid}`, `--nofile=${count}:`], {encoding: 'utf8'});
  if (status !== 0) throw new Error(`prlimit: ${stderr}`);
}

/** About ten of the samples, evenly spread. */
function tenths(samples: readonly number[]): number[] {
  return samples.filter((_, i) => i % Math.ceil(samples.length / 10) === 0);
}

/** The resident memory of a process, current and peak, in MB. Undefined on a system without /proc. */
function memoryMb(pid: number): {now: number; peak: number} | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kb = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
    return {now: Math.round(kb('VmRSS') / 1_024), peak: Math.round(kb('VmHWM') / 1_024)};
  } catch {
    return undefined;
  }
}

test(
  `a worker with a heap of 64 MB applies ${BACKLOG} records in less than 250 MB, because fetching waits for applying (F78)`,
  async () => {
    const bench = await FaultBench.open('faults-heap', {partitions: 2});
    try {
      for (let left = BACKLOG; left > 0; left -= 2_000) await bench.write(Math.min(left, 2_000));
      const worker = bench.start({NODE_OPTIONS: '--max-old-space-size=64'});
      await hasSaid(worker, /^partitions assigned/);
      const begin = performance.now();
      const samples: number[] = [];
      await until(
        async () => {
          if (!worker.isRunning) throw new Error(`the worker has ended: ${worker.output.slice(-1_500)}`);
          const memory = memoryMb(worker.pid);
          if (memory !== undefined) samples.push(memory.now);
          return (await bench.progress()) === BigInt(BACKLOG);
        },
        () => `${BACKLOG} applied records. The end of the worker's output: ${worker.output.slice(-1_500)}`,
        inTier({test: 400_000, soak: 1_200_000}),
      );
      const seconds = (performance.now() - begin) / 1_000;
      process.stderr.write(
        `host: ${BACKLOG} records in ${seconds.toFixed(1)} s, resident MB ${tenths(samples).join(' ')}, ` +
          `peak ${memoryMb(worker.pid)?.peak ?? '?'}\n`,
      );
      await bench.expectExact();
      // Resident memory is more than the heap: it includes code, fetch buffers and decompressed batches.
      for (const sample of samples) expect(sample).toBeLessThan(250);
    } finally {
      await bench.close();
    }
  },
  inTier({test: 600_000, soak: 1_800_000}),
);
