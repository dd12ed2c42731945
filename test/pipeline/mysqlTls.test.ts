/**
 * TLS to MySQL with certificates of a private CA. The tests use a MySQL of their own, because old versions
 * of MySQL load a new certificate only at start.
 */
import {createConnection, type Connection} from 'mysql2/promise';
import {MysqlClient} from '../../src/clients/mysql.js';
import {readConfig} from '../../src/config/readConfig.js';
import {mysqlSettings} from '../../src/config/clientOptions.js';
import {mysqlRecipe} from '../../stack/native/mysqlServer.js';
import {logFile} from '../../stack/native/recipe.js';
import {parentDeathPrefix, ServerProcess} from '../../stack/native/serverProcess.js';
import {freePorts} from '../../stack/ports.js';
import {readState, removeStackFolder, type NativeState} from '../../stack/stackState.js';
import {TestCa, type Certificate} from '../support/certificates.js';
import type {Variables} from '../support/pipeline.js';
import {shopOfFile} from '../support/shop.js';
import {projectorProcess, testStack} from '../support/stack.js';

const NAME = 'mysql.example.com';
const USER = 'reader';
const PASSWORD = 'Zq7Secret';

(testStack().mode === 'native' ? describe : describe.skip)('TLS to MySQL', () => {
  let ca: TestCa;
  let ours: Certificate;
  let good: Certificate;
  let state: NativeState;
  let server: ServerProcess | undefined;
  beforeAll(async () => {
    // `verify` checks its topic before it connects to MySQL, so the topic must exist.
    await shopOfFile();
    ca = new TestCa();
    ours = ca.issue({name: 'reader'});
    good = ca.issue({altNames: `DNS:${NAME}`});
    const [mysql = 0] = await freePorts(1);
    const stack = readState(testStack().name) as NativeState;
    state = {...stack, name: `${stack.name}-tls`, ports: {...stack.ports, mysql}};
    await start(good, true);
    await asRoot(async (root) => {
      await root.query(`CREATE USER '${USER}'@'%' IDENTIFIED BY '${PASSWORD}' REQUIRE SSL`);
      await root.query(`GRANT SELECT ON shop.* TO '${USER}'@'%'`);
    });
  });
  afterAll(async () => {
    await server?.end('SIGKILL');
    removeStackFolder(state.name);
    ca[Symbol.dispose]();
  });

  /** Starts MySQL with this certificate. Ends the running MySQL first. */
  async function start({cert, key}: Certificate, isNew = false): Promise<void> {
    await server?.end('SIGTERM');
    const recipe = mysqlRecipe(state);
    recipe.command.args.push(`--ssl-ca=${ca.cert}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`);
    server = new ServerProcess(recipe, logFile(state.name, 'mysql'), await parentDeathPrefix());
    if (isNew) await server.prepare();
    server.start();
    await server.whenReady();
    if (isNew) await server.load();
  }

  async function asRoot(work: (root: Connection) => Promise<void>): Promise<void> {
    const root = await createConnection({host: '127.0.0.1', port: state.ports.mysql, user: 'root'});
    await work(root).finally(async () => await root.end());
  }

  const settings = (mode: string, extra: Variables = {}): Variables => ({
    MYSQL_URL: `mysql://${USER}:${PASSWORD}@127.0.0.1:${state.ports.mysql}/shop?ssl-mode=${mode}`,
    MYSQL_SSL_CA_FILE: ca.cert,
    ...extra,
  });
  const named = (extra: Variables = {}): Variables =>
    settings('VERIFY_IDENTITY', {MYSQL_SSL_SERVER_NAME: NAME, ...extra});
  const withOurs = (): Variables => ({MYSQL_SSL_CERT_FILE: ours.cert, MYSQL_SSL_KEY_FILE: ours.key});

  /**
   * Counts the tables of the source with the client of the program. Throws if the connection is not
   * encrypted.
   */
  async function read(variables: Variables): Promise<number> {
    const config = readConfig(variables, ['mysqlUrl']);
    const client = new MysqlClient(mysqlSettings(config, config.mysqlUrl));
    try {
      await client.connect();
      return await client.consistentSnapshot(async (ask) => {
        const [cipher] = await ask("SHOW SESSION STATUS LIKE 'Ssl_cipher'", []);
        if (!cipher?.['Value']) throw new Error('this connection is not encrypted');
        return (await ask("SHOW TABLES LIKE 'order%'", [])).length;
      });
    } finally {
      client.close();
    }
  }

  describe('a connection', () => {
    afterEach(async () => {
      await asRoot(async (root) => {
        await root.query(`ALTER USER '${USER}'@'%' REQUIRE SSL`);
      });
    });

    test.each([
      ['the name in the certificate is verified', () => named()],
      ['only the CA is verified', () => settings('VERIFY_CA')],
      ['ssl-mode=REQUIRED verifies nothing', () => settings('REQUIRED', {MYSQL_SSL_CA_FILE: ''})],
    ])('the connection is encrypted and works if %s', async (_, variables) => {
      await expect(read(variables())).resolves.toBe(2);
    });

    test('a user with REQUIRE X509 can connect only with a client certificate', async () => {
      await asRoot(async (root) => {
        await root.query(`ALTER USER '${USER}'@'%' REQUIRE X509`);
      });
      await expect(read(named(withOurs()))).resolves.toBe(2);
      await expect(read(named())).rejects.toMatchObject({kind: 'mysql-denied'});
    });

    test('MySQL rejects a connection without TLS', async () => {
      await expect(read(settings('DISABLED', {MYSQL_SSL_CA_FILE: ''}))).rejects.toMatchObject({
        kind: 'mysql-denied',
      });
    });
  });

  interface Case {
    readonly name: string;
    readonly variables: () => Variables;
    readonly shown?: {readonly altNames: string; readonly isExpired?: boolean};
    readonly reason: RegExp;
  }
  const CASES: readonly Case[] = [
    {
      name: 'another CA',
      variables: () => named({MYSQL_SSL_CA_FILE: ours.cert}),
      reason: /the server certificate is not signed by a trusted CA\. /,
    },
    {
      name: 'no CA, although NODE_TLS_REJECT_UNAUTHORIZED is 0',
      variables: () => named({MYSQL_SSL_CA_FILE: '', NODE_TLS_REJECT_UNAUTHORIZED: '0'}),
      reason: /the server certificate is not signed by a trusted CA\. /,
    },
    {
      name: 'a certificate for another name',
      variables: () => named({MYSQL_SSL_SERVER_NAME: 'other.example.com'}),
      reason: /the server certificate was issued for another name \(.*DNS:mysql\.example\.com\)\. /,
    },
    {
      name: 'an expired certificate',
      variables: () => named(),
      shown: {altNames: `DNS:${NAME}`, isExpired: true},
      reason: /the server certificate has expired\. /,
    },
  ];

  test.each(CASES)('verify exits with 4 and names the reason: $name', async ({variables, shown, reason}) => {
    if (shown !== undefined) await start(ca.issue(shown));
    const {stderr, status} = projectorProcess(['verify'], {PROJECTOR_START_TIMEOUT_MS: '0', ...variables()});
    expect(status).toBe(4);
    expect(stderr).toMatch(
      /^projector: tls-failed: TLS connection to MySQL at mysql:\/\/127\.0\.0\.1:\d+\/shop failed: /m,
    );
    expect(stderr).toMatch(reason);
    expect(stderr).not.toContain(PASSWORD);
  });
});
