/** Sentinels and a master that accept only TLS. The `REDIS_TLS_*` settings apply to both. */
import {Redis} from 'ioredis';
import {freePorts} from '../../stack/ports.js';
import {TestCa} from '../support/certificates.js';
import {FaultBench} from '../support/faultBench.js';
import {projector} from '../support/projector.js';
import {OwnRedis, tlsPortArgs, whyNoOwnRedis} from '../support/redisServer.js';
import {MASTER, Sentinels} from '../support/sentinels.js';
import {halted} from '../support/workerLog.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: Sentinels with TLS. ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('Sentinels with TLS', () => {
  let ca: TestCa;
  let own: OwnRedis;
  let sentinels: Sentinels;
  let bench: FaultBench;
  beforeAll(async () => {
    ca = new TestCa();
    const certificate = ca.issue();
    const [tlsPort = 0] = await freePorts(1);
    own = await OwnRedis.open({args: tlsPortArgs(tlsPort, {ca, certificate})});
    sentinels = await Sentinels.open(tlsPort, 0, {ca: ca.cert, own: certificate});
    bench = await FaultBench.open('sentinel-tls', {redis: new Redis(own.url), partitions: 2});
    await bench.write(40);
  });
  afterAll(async () => {
    await bench.close();
    await sentinels[Symbol.asyncDispose]();
    await own.close();
    ca[Symbol.dispose]();
  });

  const settings = (caFile: string): Record<string, string> => ({
    REDIS_URL: `rediss://${MASTER}/0`,
    REDIS_SENTINELS: sentinels.places,
    REDIS_TLS_CA_FILE: caFile,
  });

  test('a worker with the right CA applies records, and orders count uses TLS too', async () => {
    bench.start(settings(ca.cert));
    await bench.applied();
    expect(
      await projector(['orders', 'count'], {...settings(ca.cert), REDIS_KEY_PREFIX: bench.prefix}),
    ).toMatchObject({
      status: 0,
    });
    await bench.expectExact();
  });

  test('a worker with another CA exits with 4 and gives the reason', async () => {
    using stranger = new TestCa();
    const worker = bench.start({...settings(stranger.cert), PROJECTOR_START_TIMEOUT_MS: '3000'});
    const {code, line} = await halted(worker);
    expect({code, kind: line['kind']}).toEqual({code: 4, kind: 'tls-failed'});
    expect(line['msg']).toMatch(/the server certificate is not signed by a trusted CA$/);
  });
});
