/** The broker rejects a login, a compression codec is not installed, or a record has 10 MB. */
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
])('$name: the last log line gives the reason, not the secret (F25a)', async ({variables, kind, words}) => {
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

test('records that the broker compresses with snappy are applied, because the package is installed (F25)', async () => {
  const bench = await FaultBench.open('faults-codec', {config: {'compression.type': 'snappy'}});
  try {
    await bench.write(40);
    bench.start();
    await bench.expectExact();
  } finally {
    await bench.close();
  }
});

/** The codecs without an installed package. Later versions of Node.js include zstd. */
const MISSING = ['lz4', 'zstd'].filter((codec) => !(codec === 'zstd' && 'zstdDecompressSync' in zlib));

test.each(MISSING)(
  'if the broker compresses with %s, the worker stops, names a codec that works, and skips no record (F25)',
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

  test('is applied if it is valid, although a column that the worker does not need fills most of it (F25b)', async () => {
    bench.start();
    await bench.write(20);
    const row = orderRow({id: 5n, user_id: 8n, total_amount: '1.50', note: large});
    await bench.writeRecords([rowRecord({op: 'u', table: 'orders', after: row}, '5')]);
    bench.note([order('5', {user: '8', total: '1.50'})]);
    await bench.write(20);
    await bench.expectExact();
  });

  test('is quarantined if it is invalid, and blocks no other record (F25b)', async () => {
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
    // The entry contains only the first part of the value.
    expect(await bench.redis.memory('USAGE', key)).toBeLessThan(20_000);
    await bench.expectExact();
    expect(worker.log.findLast(({msg}) => msg === 'summary')).toMatchObject({quarantined: 1, applied: 40});
  });
});
