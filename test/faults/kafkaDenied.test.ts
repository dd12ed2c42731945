/** Logins that do not fit, codecs that are not there, and records of a size that nobody expects. */
import * as zlib from 'node:zlib';
import {ERROR_POLICY} from '../../src/runtime/errorPolicy.js';
import {parseEntry} from '../../src/redis-model/quarantineEntry.js';
import {order} from '../support/changes.js';
import {FaultBench, SECRET} from '../support/faultBench.js';
import {startWorker, type Variables} from '../support/pipeline.js';
import {orderRow, rowRecord} from '../support/records.js';
import {testStack} from '../support/stack.js';
import {halted} from '../support/workerLog.js';

const [BROKER = ''] = testStack().env.kafka.brokers;

test.each([
  {
    name: 'SASL against a broker without SASL',
    variables: {
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'nobody',
      KAFKA_SASL_PASSWORD: SECRET,
    },
    kind: 'kafka-denied' as const,
    words: /^Kafka denied access to shop\.order-events on 127\.0\.0\.1:\d+: /,
  },
  {
    name: 'TLS to a port without TLS',
    variables: {KAFKA_SSL: 'true'},
    kind: 'kafka-unreachable' as const,
    words: /^request to Kafka for shop\.order-events on 127\.0\.0\.1:\d+ failed: /,
  },
])('$name: one clear line without the secret, then the end (F25a)', async ({variables, kind, words}) => {
  const given: Variables = {
    PROJECTOR_START_TIMEOUT_MS: '1500',
    KAFKA_CONNECTION_TIMEOUT_MS: '1000',
    ...variables,
  };
  const worker = startWorker('faults-denied', given);
  try {
    const {code, line} = await halted(worker);
    const {exitCode, advice} = ERROR_POLICY[kind];
    expect(code).toBe(exitCode);
    expect(line).toMatchObject({level: 60, kind, exitCode, advice, runbook: `docs/runbook.md#${kind}`});
    expect(line['msg']).toMatch(words);
    expect(line['msg']).toContain(BROKER);
    expect(worker.output).not.toContain(SECRET);
  } finally {
    await worker.end('SIGKILL');
  }
});

test('records that the broker keeps in snappy are applied, since the package is there (F25)', async () => {
  const bench = await FaultBench.open('faults-codec', {config: {'compression.type': 'snappy'}});
  try {
    await bench.write(40);
    bench.start();
    await bench.expectExact();
  } finally {
    await bench.close();
  }
});

/** Zstd comes with later versions of Node.js. */
const MISSING = ['lz4', 'zstd'].filter((codec) => !(codec === 'zstd' && 'zstdDecompressSync' in zlib));

test.each(MISSING)(
  'records that the broker keeps in %s end the worker, with codecs that work; nothing is skipped (F25)',
  async (codec) => {
    const bench = await FaultBench.open('faults-codec', {config: {'compression.type': codec}});
    try {
      await bench.write(20);
      const {code, line} = await halted(bench.start());
      expect(code).toBe(5);
      expect(line).toMatchObject({
        level: 60,
        kind: 'codec-missing',
        exitCode: 5,
        msg: expect.stringMatching(
          new RegExp(
            `^a record batch of ${bench.topic} on ${BROKER} is compressed with ${codec}, which requires the package \\S+: npm install `,
          ),
        ) as string,
        advice: ERROR_POLICY['codec-missing'].advice,
      });
      expect(line['advice']).toContain('gzip');
      expect(await bench.progress()).toBe(0n);
      await bench.expectExactUpToPositions();
    } finally {
      await bench.close();
    }
  },
);

describe('a record of 10 MB', () => {
  const large = 'x'.repeat(10_000_000);
  let bench: FaultBench;
  beforeEach(async () => {
    bench = await FaultBench.open('faults-large', {config: {'max.message.bytes': '12000000'}});
  });
  afterEach(async () => await bench.close());

  test('is applied when it is good: most of it a column that nobody asked for (F25b)', async () => {
    bench.start();
    await bench.write(20);
    const row = orderRow({id: 5n, user_id: 8n, total_amount: '1.50', note: large});
    await bench.writeRecords([rowRecord({op: 'u', table: 'orders', after: row}, '5')]);
    bench.note([order('5', {user: '8', total: '1.50'})]);
    await bench.write(20);
    await bench.expectExact();
  });

  test('is set aside when it is bad, and blocks nothing (F25b)', async () => {
    const worker = bench.start();
    await bench.write(20);
    await bench.writeRecords([{key: '5', value: large}]);
    await bench.write(20);
    await bench.applied();
    const key = `${bench.prefix}projector:quarantine`;
    const entries = Object.entries(await bench.redis.hgetall(key)).map(([name, text]) =>
      parseEntry(name, text),
    );
    expect(entries).toMatchObject([
      {topic: bench.topic, partition: 0, offset: 20n, kind: 'record-undecodable'},
    ]);
    expect(entries[0]?.reason).toMatch(/is not JSON/);
    // Its first part is kept, not all of it.
    expect(await bench.redis.memory('USAGE', key)).toBeLessThan(20_000);
    await bench.expectExact();
    expect(worker.log.findLast(({msg}) => msg === 'summary')).toMatchObject({quarantined: 1, applied: 40});
  });
});
