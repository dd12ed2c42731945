/**
 * A separate broker with the security of a production broker: TLS from a private CA, client certificates, all SASL
 * mechanisms, and ACLs. The test itself uses a plaintext listener as a super user. All tests of a file share one broker,
 * because the start of a JVM is slow.
 */
import {generateKeyPairSync, sign, type KeyObject} from 'node:crypto';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {javaCommand, propertiesText} from '../../stack/native/kafkaServer.js';
import {parentDeathPrefix, ServerProcess} from '../../stack/native/serverProcess.js';
import {freePorts} from '../../stack/ports.js';
import {readState, type NativeState} from '../../stack/stackState.js';
import type {Certificate, TestCa} from './certificates.js';
import {withAdmin} from './kafka.js';
import {testStack} from './stack.js';

/** Each listener has a different security configuration. */
const LISTENERS = {
  /** The listener of the test. Every client there is a super user. */
  PLAIN: 'PLAINTEXT',
  TLS: 'SSL',
  MUTUAL: 'SSL',
  EXPIRED: 'SSL',
  OTHERNAME: 'SSL',
  SASL: 'SASL_SSL',
} as const;
export type Listener = keyof typeof LISTENERS;
const NAMES = Object.keys(LISTENERS) as Listener[];

const CLUSTER_ID = 'b3JkZXItcHJvamVjdG9yMQ';
export const AUDIENCE = 'kafka';
/** The principal of the client certificate that is a super user. */
export const TRUSTED = 'trusted-worker';

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** Why a test must be skipped. Undefined if it can run. */
export function whyNoSecureKafka(): string | undefined {
  return testStack().mode === 'native' ? undefined : 'the separate secured broker requires the native stack';
}

export class SecureKafka implements AsyncDisposable {
  readonly #ports: Readonly<Record<Listener, number>>;
  readonly #server: ServerProcess;
  readonly #home: string;
  readonly #tokenKey: KeyObject;

  private constructor(
    ports: Readonly<Record<Listener, number>>,
    {server, home, tokenKey}: {server: ServerProcess; home: string; tokenKey: KeyObject},
  ) {
    this.#ports = ports;
    this.#server = server;
    this.#home = home;
    this.#tokenKey = tokenKey;
  }

  /** The broker uses certificates of this CA and trusts only this CA. `logins` are the users of PLAIN and both SCRAMs. */
  static async open(ca: TestCa, logins: readonly Login[]): Promise<SecureKafka> {
    const state = readState(testStack().name) as NativeState;
    const home = mkdtempSync(join(tmpdir(), 'order-projector-kafka-'));
    const {publicKey, privateKey} = generateKeyPairSync('rsa', {modulusLength: 2_048});
    const keys = join(home, 'keys.json');
    const jwk = {...publicKey.export({format: 'jwk'}), kid: 'test', use: 'sig', alg: 'RS256'};
    writeFileSync(keys, JSON.stringify({keys: [jwk]}));
    const [controller = 0, ...free] = await freePorts(1 + NAMES.length);
    const ports = Object.fromEntries(NAMES.map((name, i) => [name, free[i]!])) as Record<Listener, number>;
    const file = join(home, 'kafka.properties');
    writeFileSync(file, propertiesText(properties({ca, logins, ports, controller, home, keys})));
    const java = ['-XX:TieredStopAtLevel=1', '-Xmx256m'];
    const allowed = `-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file:${keys}`;
    const scram = logins.flatMap(({user, password}) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((name) => [
        '-S',
        `${name}=[name=${user},password=${password}]`,
      ]),
    );
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file, ...scram];
    const server = new ServerProcess(
      {
        name: 'kafka',
        port: ports.PLAIN,
        prepare: [javaCommand(state, [...java, ...format])],
        command: javaCommand(state, [...java, allowed, 'kafka.Kafka', file]),
        probe: async () => {
          await withAdmin(async (admin) => await admin.listTopics(), [`127.0.0.1:${ports.PLAIN}`]);
        },
      },
      join(home, 'kafka.log'),
      await parentDeathPrefix(),
    );
    const kafka = new SecureKafka(ports, {server, home, tokenKey: privateKey});
    try {
      await server.prepare();
      server.start();
      await server.whenReady();
    } catch (error) {
      await kafka[Symbol.asyncDispose]();
      throw error;
    }
    return kafka;
  }

  brokers(listener: Listener): string[] {
    return [`127.0.0.1:${this.#ports[listener]}`];
  }

  /** A token for this user that the broker accepts. */
  token(
    user: string,
    {lifeMs = 3_600_000, audience = AUDIENCE}: {lifeMs?: number; audience?: string} = {},
  ): string {
    const nowS = Math.floor(Date.now() / 1_000);
    const header = {alg: 'RS256', kid: 'test', typ: 'JWT'};
    const claims = {sub: user, aud: audience, iat: nowS, exp: nowS + Math.ceil(lifeMs / 1_000)};
    const signed = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), this.#tokenKey).toString('base64url')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.end('SIGKILL');
    rmSync(this.#home, {recursive: true, force: true});
  }
}

interface Setup {
  readonly ca: TestCa;
  readonly logins: readonly Login[];
  readonly ports: Readonly<Record<Listener, number>>;
  readonly controller: number;
  readonly home: string;
  readonly keys: string;
}

function properties({ca, logins, ports, controller, home, keys}: Setup): Record<string, string | number> {
  const data = join(home, 'data');
  mkdirSync(data);
  const at = (name: Listener): string => `${name}://127.0.0.1:${ports[name]}`;
  const users = logins.map(({user, password}) => ` user_${user}="${password}"`).join('');
  const good = ca.issue();
  const certificates: readonly (readonly [Listener, Certificate])[] = [
    ['TLS', good],
    ['MUTUAL', good],
    ['SASL', good],
    ['EXPIRED', ca.issue({isExpired: true})],
    ['OTHERNAME', ca.issue({altNames: 'DNS:kafka.example.com'})],
  ];
  const tls = certificates.flatMap(([name, {both}]): (readonly [string, string])[] => {
    const prefix = `listener.name.${name.toLowerCase()}.ssl`;
    return [
      [`${prefix}.keystore.type`, 'PEM'],
      [`${prefix}.keystore.location`, both],
      [`${prefix}.truststore.type`, 'PEM'],
      [`${prefix}.truststore.location`, ca.cert],
      [`${prefix}.client.auth`, name === 'MUTUAL' ? 'required' : 'none'],
    ];
  });
  const module = 'org.apache.kafka.common.security';
  return {
    'node.id': 1,
    'process.roles': 'broker,controller',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': [
      'CONTROLLER:PLAINTEXT',
      ...NAMES.map((name) => `${name}:${LISTENERS[name]}`),
    ].join(','),
    'inter.broker.listener.name': 'PLAIN',
    listeners: [...NAMES.map(at), `CONTROLLER://127.0.0.1:${controller}`].join(','),
    'advertised.listeners': NAMES.map(at).join(','),
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': `User:ANONYMOUS;User:CN=${TRUSTED}`,
    ...Object.fromEntries(tls),
    'listener.name.sasl.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'listener.name.sasl.plain.sasl.jaas.config': `${module}.plain.PlainLoginModule required${users};`,
    'listener.name.sasl.scram-sha-256.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
    'listener.name.sasl.scram-sha-512.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
    'listener.name.sasl.oauthbearer.sasl.jaas.config': `${module}.oauthbearer.OAuthBearerLoginModule required;`,
    'listener.name.sasl.oauthbearer.sasl.server.callback.handler.class': `${module}.oauthbearer.OAuthBearerValidatorCallbackHandler`,
    'sasl.oauthbearer.jwks.endpoint.url': `file:${keys}`,
    'sasl.oauthbearer.expected.audience': AUDIENCE,
    'num.network.threads': 2,
    'num.io.threads': 2,
  };
}
