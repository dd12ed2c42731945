/** Settings from the environment. Every fault at once, no value in any message. */
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {kafkaSettings} from '../../src/config/clientOptions.js';
import type {Environment, SettingName} from '../../src/config/config.js';
import {readConfig, sourceSchema} from '../../src/config/readConfig.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {unknownVariables} from '../../src/config/unknownVariables.js';
import type {Setting} from '../../src/config/setting.js';
import {SETTINGS} from '../../src/config/settings.js';

const MINIMAL = {KAFKA_BROKERS: 'kafka:9092', REDIS_URL: 'redis://127.0.0.1:6379/0'};
const settings = Object.entries(SETTINGS) as [SettingName, Setting<unknown>][];

/** The faults, one a line. */
function faults(environment: Environment, required: readonly SettingName[] = []): string[] {
  try {
    readConfig(environment, required);
    return [];
  } catch (error) {
    if (error instanceof ProjectorError && error.kind === 'config-invalid')
      return error.detail.split(/; (?=[A-Z_]{6})/);
    throw error;
  }
}

test('two settings are enough to run', () => {
  const config = readConfig(MINIMAL, ['brokers', 'redisUrl']);
  expect(config).toMatchObject({
    brokers: ['kafka:9092'],
    topic: 'shop.order-events',
    keyPrefix: '',
    kafkaSsl: false,
    moneyDecimals: 2,
  });
  expect(config.mysqlUrl).toBeUndefined();
  expect(Object.isFrozen(config)).toBe(true);
});

test.each(settings.filter(([, {default: value}]) => value !== undefined))(
  '%s: the default is valid, and the same as giving it',
  (name, {env, default: value}) => {
    expect(faults({[env]: value ?? ''})).toEqual([]);
    expect(readConfig({[env]: value ?? ''}, [])[name]).toEqual(readConfig({}, [])[name]);
  },
);

test.each(settings.filter(([name, {inFile}]) => !/^(?:sasl|oauth|sentinel)/.test(name) && inFile !== true))(
  '%s: the example is valid',
  (_name, {env, example}) => {
    expect(faults({KAFKA_SSL: 'true', [env]: example})).toEqual([]);
  },
);

test('names in the environment are distinct', () => {
  const names = settings.map(([, {env}]) => env);
  expect(new Set(names).size).toBe(names.length);
});

test('what is required and missing is named with meaning and example', () => {
  expect(faults({}, ['brokers', 'redisUrl'])).toEqual([
    'KAFKA_BROKERS is not set (Initial brokers as host:port, separated by commas. The client discovers the other brokers from them. Example: KAFKA_BROKERS=kafka:9092)',
    expect.stringMatching(/^REDIS_URL is not set/),
  ]);
});

test('all faults are told at once', () => {
  const environment = {
    KAFKA_BROKERS: 'kafka',
    REDIS_URL: 'http://127.0.0.1',
    PROJECTOR_LOG_LEVEL: 'loud',
    KAFKA_SSL: 'yes',
    PROJECTOR_CHUNK_ORDERS_MAX: '501',
    PROJECTOR_BUFFER_BYTES_MAX: '1e9',
    ORDERS_TABLE: 'shop.orders',
    ORDER_EXTRA_COLUMNS: 'status,,x',
    REDIS_KEY_PREFIX: 'a*',
    MYSQL_URL: '127.0.0.1',
  };
  const found = faults(environment);
  expect(found.map((fault) => fault.split(' ', 1)[0]).sort()).toEqual(Object.keys(environment).sort());
  for (const fault of found) expect(fault).toMatch(/^[A-Z_]+ must be .+, for example [A-Z_]+=.+$/);
});

test('no message repeats a value (I11)', () => {
  const secret = 'Zq7Secret';
  const environment = Object.fromEntries(settings.map(([, {env}]) => [env, `\u0000 ${secret} ,, [*`]));
  const found = faults(environment);
  expect(found.length).toBeGreaterThan(30);
  expect(found.filter((fault) => fault.includes(secret))).toEqual([]);
});

test('empty is not set', () => {
  expect(faults({REDIS_URL: ''}, ['redisUrl'])).toHaveLength(1);
  expect(readConfig({KAFKA_TOPIC: ''}, []).topic).toBe('shop.order-events');
});

describe('a value in a file', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'order-projector-'))));
  afterEach(() => rmSync(folder, {recursive: true, force: true}));
  const file = (text: string): string => {
    const path = join(folder, 'secret');
    writeFileSync(path, text);
    return path;
  };

  test('is read without its last line end', () => {
    const url = 'redis://:p%20w@redis:6379/0';
    expect(readConfig({REDIS_URL_FILE: file(`${url}\n`)}, ['redisUrl']).redisUrl).toBe(url);
    expect(readConfig({REDIS_URL_FILE: file(`${url}\r\n`), REDIS_URL: ''}, ['redisUrl']).redisUrl).toBe(url);
  });

  test('and in the variable: one must go', () => {
    const environment = {REDIS_URL: 'redis://a', REDIS_URL_FILE: file('redis://b')};
    expect(faults(environment)).toEqual(['REDIS_URL and REDIS_URL_FILE are both set: remove one of them']);
  });

  test('that is not there is named', () => {
    const [fault] = faults({REDIS_URL_FILE: join(folder, 'missing')});
    expect(fault).toMatch(/^REDIS_URL_FILE names a file that cannot be read: .*ENOENT/);
  });

  test('that is empty is told in plain words', () => {
    const [fault] = faults({KAFKA_SASL_PASSWORD_FILE: file('')});
    expect(fault).toMatch(/^KAFKA_SASL_PASSWORD_FILE \(.*\) must be a text of at least one character/);
  });
});

describe('settings that must fit each other', () => {
  test('heartbeats and the session', () => {
    expect(faults({KAFKA_HEARTBEAT_INTERVAL_MS: '10001'})).toEqual([
      expect.stringContaining('KAFKA_HEARTBEAT_INTERVAL_MS must be at most a third of'),
    ]);
    expect(faults({KAFKA_HEARTBEAT_INTERVAL_MS: '10000'})).toEqual([]);
  });

  test('SASL comes whole or not at all', () => {
    const sasl = {
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_PASSWORD: 'p',
    };
    for (const name of Object.keys(sasl)) {
      expect(faults({...sasl, [name]: ''})).toEqual([expect.stringContaining('must be set together')]);
    }
    const config = readConfig({...MINIMAL, ...sasl}, ['brokers']);
    expect(kafkaSettings(config).sasl).toEqual({mechanism: 'plain', username: 'u', password: 'p'});
    expect(kafkaSettings(readConfig(MINIMAL, ['brokers'])).sasl).toBeNull();
  });

  test('the wait of a fetch and the request', () => {
    expect(faults({KAFKA_MAX_WAIT_MS: '1000', KAFKA_REQUEST_TIMEOUT_MS: '1000'})).toEqual([
      'KAFKA_MAX_WAIT_MS must be less than KAFKA_REQUEST_TIMEOUT_MS, because otherwise a fetch can time out',
    ]);
  });
});

test('extra columns: names, types, blanks around commas', () => {
  const config = readConfig({ORDER_EXTRA_COLUMNS: 'status, created_at:time,note:text'}, []);
  expect(sourceSchema(config).extraColumns).toEqual([
    {name: 'status', type: 'text'},
    {name: 'created_at', type: 'time'},
    {name: 'note', type: 'text'},
  ]);
  expect(sourceSchema(readConfig({}, [])).extraColumns).toEqual([]);
});

test('an extra column may not stand for a field of the reader’s contract, nor come twice', () => {
  for (const columns of [
    'items',
    'status,total_amount',
    'id:text',
    'items_count',
    'user_id',
    'status,status',
  ]) {
    expect(faults({ORDER_EXTRA_COLUMNS: columns})).toHaveLength(1);
  }
});

test('mapped tables and columns reach the decoder', () => {
  const schema = sourceSchema(readConfig({ORDERS_TABLE: 'sales', ORDER_ITEM_QUANTITY_COLUMN: 'qty'}, []));
  expect([schema.orders.table, schema.items.quantity, schema.items.table]).toEqual([
    'sales',
    'qty',
    'order_items',
  ]);
});

describe('variables that look like settings and are none', () => {
  test.each([
    ['PROJECTOR_HTTP_PROT', '; did you mean PROJECTOR_HTTP_PORT?'],
    ['KAFKA_PARTITIONS', '; did you mean KAFKA_TOPIC_PARTITIONS?'],
    ['ORDER_TOTAL_AMOUNT', '; did you mean ORDER_TOTAL_AMOUNT_COLUMN?'],
    ['REDIS_ULR_FILE', '; did you mean REDIS_URL?'],
    ['MYSQL_ALLOW_EMPTY_PASSWORDS_FOR_EVERYBODY', ''],
  ])('%s is named%s', (name, suggestion) => {
    expect(unknownVariables({...MINIMAL, [name]: 'a secret'})).toEqual([
      `${name} is not a setting of this program${suggestion}`,
    ]);
  });

  test('every setting is known, also as a file, and so are foreign variables', () => {
    const all = settings.flatMap(([, {env}]) => [env, `${env}_FILE`]);
    const foreign = ['PATH', 'HOME', 'NODE_OPTIONS', 'OTEL_SERVICE_NAME', 'TZ'];
    expect(unknownVariables(Object.fromEntries([...all, ...foreign].map((name) => [name, 'x'])))).toEqual([]);
  });

  test('what Kubernetes sets for a service is not reported, but a port of the user is', () => {
    const service = {
      REDIS_SERVICE_HOST: '10.0.0.1',
      REDIS_SERVICE_PORT: '6379',
      REDIS_SERVICE_PORT_MAIN: '6379',
      REDIS_PORT: 'tcp://10.0.0.1:6379',
      REDIS_PORT_6379_TCP: 'tcp://10.0.0.1:6379',
      REDIS_PORT_6379_TCP_ADDR: '10.0.0.1',
    };
    expect(unknownVariables(service)).toEqual([]);
    expect(unknownVariables({REDIS_PORT: '6379'})).toEqual([
      expect.stringContaining('REDIS_PORT is not a setting'),
    ]);
  });
});
