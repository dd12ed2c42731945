/** TLS to Kafka with a private CA. Each setting that cannot work is reported with one clear reason. */
import {FaultBench} from '../support/faultBench.js';
import {TestCa, type Certificate} from '../support/certificates.js';
import type {Variables} from '../support/pipeline.js';
import {SecureKafka, TRUSTED, whyNoSecureKafka, type Listener} from '../support/secureKafka.js';
import {halted} from '../support/workerLog.js';

const whyNot = whyNoSecureKafka();
if (whyNot !== undefined) process.stderr.write(`skipped: TLS to Kafka. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('TLS to Kafka', () => {
  let ca: TestCa;
  let kafka: SecureKafka;
  let bench: FaultBench;
  let ours: Certificate;
  beforeAll(async () => {
    ca = new TestCa();
    ours = ca.issue({name: TRUSTED});
    kafka = await SecureKafka.open(ca, []);
    bench = await FaultBench.open('kafka-tls', {brokers: kafka.brokers('PLAIN'), partitions: 2});
    await bench.write(40);
  });
  afterEach(async () => {
    for (const worker of bench.workers.splice(0)) await worker.end('SIGKILL');
  });
  afterAll(async () => {
    await bench.close();
    await kafka[Symbol.asyncDispose]();
    ca[Symbol.dispose]();
  });

  const at = (listener: Listener, extra: Variables = {}): Variables => ({
    KAFKA_BROKERS: kafka.brokers(listener).join(','),
    KAFKA_SSL: 'true',
    KAFKA_SSL_CA_FILE: ca.cert,
    ...extra,
  });

  test('a worker with the right CA applies records', async () => {
    bench.start(at('TLS'));
    await bench.write(40);
    await bench.expectExact();
  });

  test('a worker with a client certificate applies records from a broker that requires one', async () => {
    bench.start(at('MUTUAL', {KAFKA_SSL_CERT_FILE: ours.cert, KAFKA_SSL_KEY_FILE: ours.key}));
    await bench.write(40);
    await bench.expectExact();
  });

  test('KAFKA_SSL_SERVER_NAME replaces the host of the address if the certificate contains another name', async () => {
    bench.start(at('OTHERNAME', {KAFKA_SSL_SERVER_NAME: 'kafka.example.com'}));
    await bench.write(40);
    await bench.expectExact();
  });

  interface Case {
    readonly name: string;
    readonly variables: () => Variables;
    readonly reason: RegExp;
  }
  const CASES: readonly Case[] = [
    {
      name: 'another CA',
      variables: () => at('TLS', {KAFKA_SSL_CA_FILE: ours.cert}),
      reason: /: the server certificate is not signed by a trusted CA$/,
    },
    {
      name: 'no CA given: the public ones do not know it, whatever Node.js is told',
      variables: () => at('TLS', {KAFKA_SSL_CA_FILE: '', NODE_TLS_REJECT_UNAUTHORIZED: '0'}),
      reason: /: the server certificate is not signed by a trusted CA$/,
    },
    {
      name: 'a certificate that has expired',
      variables: () => at('EXPIRED'),
      reason: /: the server certificate has expired$/,
    },
    {
      name: 'a certificate for another name',
      variables: () => at('OTHERNAME'),
      reason: /: the server certificate was issued for another name \(/,
    },
    {
      name: 'no client certificate where the broker asks for one',
      variables: () => at('MUTUAL'),
      reason: /: the server .*client certificate(?:, or received none)?$/,
    },
  ];

  test.each(CASES)('$name: every log line about it gives the reason (F25a)', async ({variables, reason}) => {
    const progress = await bench.progress();
    const worker = bench.start({...variables(), PROJECTOR_START_TIMEOUT_MS: '4000'});
    const {code, line} = await halted(worker);
    expect(code).toBe(4);
    expect(line).toMatchObject({level: 60, kind: 'tls-failed', runbook: 'docs/runbook.md#tls-failed'});
    expect(line['msg']).toMatch(/^TLS connection to Kafka for kafka-tls-\w+ on 127\.0\.0\.1:\d+ failed: /);
    expect(line['msg']).toMatch(reason);
    // Earlier attempts were logged with the same reason. On a slow machine there is none, because the first
    // attempt was the last one.
    const notified = worker.log.filter(({level, kind}) => level !== 60 && kind === 'tls-failed');
    for (const {msg} of notified) expect(msg).toMatch(reason);
    expect(await bench.progress()).toBe(progress);
  });
});
