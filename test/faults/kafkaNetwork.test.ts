/** The connection between the worker and Kafka is slow, is reset, is refused, or delivers nothing. */
import {openStack} from '../../stack/stack.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {FaultBench} from '../support/faultBench.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';
import {hasSaid, said} from '../support/workerLog.js';

const detour = openStack(testStack().name).kafkaDetour;
if (detour === undefined) {
  process.stderr.write(
    'skipped: a proxy before Kafka. Only a native stack has a second way to the broker.\n',
  );
}

(detour === undefined ? describe.skip : describe)('the network to Kafka', () => {
  const {listen, target} = detour ?? {listen: 0, target: 0};
  const SETTINGS = {
    KAFKA_BROKERS: `127.0.0.1:${listen}`,
    KAFKA_REQUEST_TIMEOUT_MS: '3000',
    KAFKA_CONNECTION_TIMEOUT_MS: '2000',
    // The records of a test then take several fetches.
    KAFKA_FETCH_PARTITION_BYTES: '16384',
  };
  const REPLACED = /^no response from Kafka for \d+ ms/;
  let proxy: TcpProxy;
  let bench: FaultBench;
  beforeEach(async () => {
    proxy = await TcpProxy.open({host: '127.0.0.1', port: target}, {port: listen});
    bench = await FaultBench.open('faults-network', {partitions: 2});
  });
  afterEach(async () => {
    await bench.close();
    await proxy.close();
  });

  test('a latency of 500 to 700 ms makes the worker slower, but causes no rebalance (F42)', async () => {
    const patient = {KAFKA_REQUEST_TIMEOUT_MS: '20000', KAFKA_SESSION_TIMEOUT_MS: '20000'};
    const worker = bench.start({...SETTINGS, ...patient, KAFKA_CONNECTION_TIMEOUT_MS: '5000'});
    await bench.write(100);
    await bench.applied();
    const assignments = said(worker, /^partitions assigned/);
    proxy.slow({latencyMs: 500, jitterMs: 200});
    for (let step = 0; step < 3; step++) {
      await bench.write(60);
      await bench.applied();
    }
    expect(said(worker, /^partitions assigned/)).toBe(assignments);
    expect(said(worker, /^Kafka is down/)).toBe(0);
    proxy.pass();
    await bench.expectExact();
  });

  test('a worker loses no record if its connections are reset ten times in the middle of responses (F45)', async () => {
    const worker = bench.start({...SETTINGS, KAFKA_REBALANCE_TIMEOUT_MS: '10000'});
    // The batches are small, because a batch that is larger than a fetch is sent as a whole. It would take
    // longer than the request timeout.
    for (let batch = 0; batch < 20; batch++) await bench.write(50);
    // A response takes about 0.5 s at this rate, so almost every reset hits a response that is only sent in
    // part.
    proxy.slow({bytesPerSecond: 40_000});
    for (let cut = 0; cut < 10; cut++) {
      await bench.advanced(10n);
      proxy.cutAll();
      await bench.write(50);
    }
    proxy.pass();
    await bench.applied();
    expect(worker.isRunning).toBe(true);
    expect(said(worker, REPLACED)).toBe(0);
    await bench.expectExact();
  });

  test('a worker logs that its connection is lost and that it is restored, and then resumes (F45)', async () => {
    const worker = bench.start(SETTINGS);
    await bench.write(100);
    await bench.applied();
    await proxy.goAway();
    await hasSaid(worker, /^Kafka is down/);
    await bench.write(100);
    await proxy.comeBack();
    await bench.applied();
    await hasSaid(worker, /^Kafka is up/, 2);
    await bench.expectExact();
  });

  test('a worker waits while the network delivers nothing for longer than a request and a session, and then resumes (F46)', async () => {
    const worker = bench.start(SETTINGS);
    await bench.whileWriting(async () => {
      await bench.advanced(50n);
      proxy.hold();
      const begin = performance.now();
      await hasSaid(worker, /^Kafka is down/);
      await until(
        () => performance.now() - begin > 8_000,
        () => 'the end of the outage',
      );
      expect(worker.isRunning).toBe(true);
      proxy.release();
      await bench.advanced(50n);
    });
    expect(worker.log.find(({msg}) => msg === 'Kafka is down')).toMatchObject({
      reason: expect.stringMatching(/did not respond in time|timed out|imeout/) as string,
    });
    await bench.expectExact();
  });
});
