/** TLS: settings that protect less than they promise are rejected, and error messages name the cause. */
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {connect as connectTls, createServer, type TLSSocket, type TlsOptions} from 'node:tls';
import type {AddressInfo} from 'node:net';
import {MysqlClient} from '../../src/clients/mysql.js';
import {tlsError, tlsOptions, tlsReason} from '../../src/clients/tls.js';
import type {Environment} from '../../src/config/config.js';
import {readConfig} from '../../src/config/readConfig.js';
import {redisSettings} from '../../src/config/clientOptions.js';
import {TestCa, type Certificate} from '../support/certificates.js';

let ca: TestCa;
let one: Certificate;
let other: Certificate;
beforeAll(() => {
  ca = new TestCa();
  [one, other] = [ca.issue(), ca.issue()];
});
afterAll(() => ca[Symbol.dispose]());

function fault(environment: Environment): string {
  try {
    readConfig(environment, []);
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('TLS settings', () => {
  test('certificates and keys are read from files or from the variables themselves', () => {
    const pem = readFileSync(ca.cert, 'utf8');
    const files = {REDIS_TLS_CA_FILE: ca.cert, REDIS_TLS_CERT_FILE: one.cert, REDIS_TLS_KEY_FILE: one.key};
    const config = readConfig({REDIS_URL: 'rediss://redis:6379/0', ...files}, ['redisUrl']);
    expect(redisSettings(config)).toMatchObject({
      url: 'rediss://redis:6379/0',
      tls: {ca: pem.trimEnd(), cert: readFileSync(one.cert, 'utf8').trimEnd()},
    });
    expect(readConfig({KAFKA_SSL: 'true', KAFKA_SSL_CA: pem}, []).kafkaCa).toBe(pem);
  });

  test('a file that is missing or is not PEM is reported with its setting and path', () => {
    const missing = join(ca.folder, 'missing.pem');
    expect(fault({REDIS_TLS_CA_FILE: missing})).toContain(
      `REDIS_TLS_CA_FILE names a file that cannot be read: `,
    );
    expect(fault({REDIS_TLS_CA_FILE: missing})).toContain(missing);
    const garbled = join(ca.folder, 'garbled.pem');
    writeFileSync(garbled, readFileSync(ca.cert, 'utf8').replace(/\n[A-Za-z0-9+/]{20}/, '\n!'));
    for (const name of ['KAFKA_SSL_CA_FILE', 'MYSQL_SSL_CERT_FILE'])
      expect(fault({[name]: garbled})).toContain(`${name} (${garbled}) must be certificates in PEM format`);
    expect(fault({KAFKA_SSL_KEY_FILE: one.cert})).toContain(
      `KAFKA_SSL_KEY_FILE (${one.cert}) must be a private key in PEM format, without a passphrase`,
    );
    expect(fault({KAFKA_SSL_CA_FILE: one.key})).not.toContain(readFileSync(one.key, 'utf8').slice(30, 60));
  });

  test.each([
    [
      'a certificate without its key',
      () => ({KAFKA_SSL: 'true', KAFKA_SSL_CERT_FILE: one.cert}),
      /set together/,
    ],
    [
      'a key of another certificate',
      () => ({KAFKA_SSL: 'true', KAFKA_SSL_CERT_FILE: one.cert, KAFKA_SSL_KEY_FILE: other.key}),
      /KAFKA_SSL_KEY is not the private key of the first certificate in KAFKA_SSL_CERT/,
    ],
    ['a CA, and no TLS to Kafka', () => ({KAFKA_SSL_CA_FILE: ca.cert}), /without KAFKA_SSL=true/],
    [
      'a CA, and no TLS to Redis',
      () => ({REDIS_URL: 'redis://redis/0', REDIS_TLS_CA_FILE: ca.cert}),
      /use rediss:\/\/ for TLS/,
    ],
    ['an IP address as name', () => ({KAFKA_SSL_SERVER_NAME: '10.0.0.1'}), /a host name, not an IP address/],
  ])('settings that do not fit together are rejected: %s', (_, environment, message) => {
    expect(fault(environment())).toMatch(message);
  });

  test.each([
    [
      'mysql://u@db/shop',
      {ca: 'x'},
      /MYSQL_SSL_CA is set, but ssl-mode=DISABLED does not verify the certificate/,
    ],
    ['mysql://u@db/shop?ssl-mode=REQUIRED', {ca: 'x'}, /ssl-mode=REQUIRED does not verify the certificate/],
    ['mysql://u@db/shop', {cert: 'x', key: 'x'}, /MYSQL_SSL_CERT is set, .* is sent only with TLS/],
    ['mysql://u@db/shop?ssl-mode=VERIFY_CA', {serverName: 'db'}, /does not verify the name/],
    ['mysql://u@127.0.0.1/shop?ssl-mode=VERIFY_IDENTITY', {}, /set MYSQL_SSL_SERVER_NAME/],
  ])('a MySQL URL that verifies less than its settings promise is rejected: %s %j', (url, tls, message) => {
    expect(() => new MysqlClient({url, tls})).toThrow(message);
  });
});

describe('TLS errors', () => {
  /** The first error of a client that connects to this server, during the handshake or while it reads. */
  async function failure(server: TlsOptions, client: object): Promise<Error> {
    const listening = createServer(server, (socket) => socket.end('hello'));
    listening.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const {port} = listening.address() as AddressInfo;
    let socket: TLSSocket | undefined;
    try {
      return await new Promise((resolve, reject) => {
        socket = connectTls({host: '127.0.0.1', port, ...client});
        socket.once('error', resolve);
        socket.once('data', () => reject(new Error('there is nothing wrong')));
      });
    } finally {
      socket?.destroy();
      listening.close();
    }
  }
  const server = ({cert, key}: Certificate): TlsOptions => ({
    cert: readFileSync(cert),
    key: readFileSync(key),
  });
  const trusting = (): object => tlsOptions({ca: readFileSync(ca.cert, 'utf8')});

  const CASES: readonly (readonly [string, () => Promise<Error>, RegExp])[] = [
    ['another CA', async () => await failure(server(one), tlsOptions()), /not signed by a trusted CA/],
    ['expired', async () => await failure(server(ca.issue({isExpired: true})), trusting()), /has expired/],
    [
      'another name',
      async () => await failure(server(ca.issue({altNames: 'DNS:redis.example.com'})), trusting()),
      /another name$/,
    ],
    [
      'no client certificate (TLS 1.3)',
      async () => await failure({...server(one), requestCert: true, ca: readFileSync(ca.cert)}, trusting()),
      /^the server requires a client certificate$/,
    ],
  ];

  test.each(CASES)('the error message names the cause: %s', async (_, provoke, words) => {
    expect(tlsReason(await provoke())).toMatch(words);
  });

  test('the error for another host name says that the certificate was issued for another name', async () => {
    const cert = ca.issue({altNames: 'DNS:redis.example.com'});
    const error = tlsError(await failure(server(cert), trusting()), 'Redis at rediss://127.0.0.1/0');
    expect(error).toMatchObject({
      kind: 'tls-failed',
      detail: expect.stringMatching(
        /^TLS connection to Redis at rediss:\/\/127\.0\.0\.1\/0 failed: the server certificate was issued for another name \(/,
      ) as string,
    });
  });

  test('a refused connection is not a TLS error', () => {
    expect(
      tlsReason(Object.assign(new Error('connect ECONNREFUSED'), {code: 'ECONNREFUSED'})),
    ).toBeUndefined();
  });
});
