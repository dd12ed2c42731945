/** TLS: settings that protect less than they seem to are refused, and what went wrong is told in words. */
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

describe('settings', () => {
  test('are read once, from files or as they are', () => {
    const pem = readFileSync(ca.cert, 'utf8');
    const files = {REDIS_TLS_CA_FILE: ca.cert, REDIS_TLS_CERT_FILE: one.cert, REDIS_TLS_KEY_FILE: one.key};
    const config = readConfig({REDIS_URL: 'rediss://redis:6379/0', ...files}, ['redisUrl']);
    expect(redisSettings(config)).toMatchObject({
      url: 'rediss://redis:6379/0',
      tls: {ca: pem.trimEnd(), cert: readFileSync(one.cert, 'utf8').trimEnd()},
    });
    expect(readConfig({KAFKA_SSL: 'true', KAFKA_SSL_CA: pem}, []).kafkaCa).toBe(pem);
  });

  test('whose file is not there or no PEM are named, with the path', () => {
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
    ['an address for a name', () => ({KAFKA_SSL_SERVER_NAME: '10.0.0.1'}), /a host name, not an IP address/],
  ])('that do not fit are refused: %s', (_, environment, message) => {
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
  ])('of MySQL that verify less than they say are refused: %s %j', (url, tls, message) => {
    expect(() => new MysqlClient({url, tls})).toThrow(message);
  });
});

describe('what went wrong', () => {
  /** The first error of a client that talks to such a server, or of the reading after the handshake. */
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

  test.each(CASES)('is told in words: %s', async (_, provoke, words) => {
    expect(tlsReason(await provoke())).toMatch(words);
  });

  test('is told with the names that a certificate has, and none of ours', async () => {
    const cert = ca.issue({altNames: 'DNS:redis.example.com'});
    const error = tlsError(await failure(server(cert), trusting()), 'Redis at rediss://127.0.0.1/0');
    expect(error).toMatchObject({
      kind: 'tls-failed',
      detail: expect.stringMatching(
        /^TLS connection to Redis at rediss:\/\/127\.0\.0\.1\/0 failed: the server certificate was issued for another name \(/,
      ) as string,
    });
  });

  test('is none of TLS when a connection is refused', () => {
    expect(
      tlsReason(Object.assign(new Error('connect ECONNREFUSED'), {code: 'ECONNREFUSED'})),
    ).toBeUndefined();
  });
});
