/** Settings from the environment. All faults are reported at once, and no message contains a value. */
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {kafkaSettings} from '../../src/config/clientOptions.js';
import type {Environment, SettingName} from '../../src/config/config.js';
import {layoutSettings, readConfig, sourceSchema} from '../../src/config/readConfig.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {unknownVariables} from '../../src/config/unknownVariables.js';
import type {Setting} from '../../src/config/setting.js';
import {SETTINGS} from '../../src/config/settings.js';

const MINIMAL = {KAFKA_BROKERS: 'kafka:9092', REDIS_URL: 'redis://127.0.0.1:6379/0'};
const settings = Object.entries(SETTINGS) as [SettingName, Setting<unknown>][];

/** Returns the faults of the settings as a list. */
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

test('a worker requires two settings; the others have a default or stay unset', () => {
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
  '%s: the default is valid, and setting it explicitly changes nothing',
  (name, {env, default: value}) => {
    expect(faults({[env]: value ?? ''})).toEqual([]);
    expect(readConfig({[env]: value ?? ''}, [])[name]).toEqual(readConfig({}, [])[name]);
  },
);

test.each(settings.filter(([name, {inFile}]) => !/^(?:sasl|oauth|sentinel)/.test(name) && inFile !== true))(
  '%s: the example is valid',
  (_name, {env, example}) => {
    // Some settings need others.
    const needed = env === 'REDIS_CLUSTER_NODES' ? {REDIS_LAYOUT: 'partitioned'} : {};
    const others = {KAFKA_SSL: 'true', REDIS_KEY_PREFIX: 'shop:', ...needed};
    expect(faults({...others, [env]: example})).toEqual([]);
  },
);

test('no two settings have the same environment variable', () => {
  const names = settings.map(([, {env}]) => env);
  expect(new Set(names).size).toBe(names.length);
});

test('a missing required setting is reported with its description and an example', () => {
  expect(faults({}, ['brokers', 'redisUrl'])).toEqual([
    'KAFKA_BROKERS is not set (Initial brokers as host:port, separated by commas. The client discovers the other brokers from them. Example: KAFKA_BROKERS=kafka:9092)',
    expect.stringMatching(/^REDIS_URL is not set/),
  ]);
});

test('all faults are reported at once', () => {
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

test('no message contains the value of a setting (I11)', () => {
  const secret = 'Zq7Secret';
  const environment = Object.fromEntries(settings.map(([, {env}]) => [env, `\u0000 ${secret} ,, [*`]));
  const found = faults(environment);
  expect(found.length).toBeGreaterThan(30);
  expect(found.filter((fault) => fault.includes(secret))).toEqual([]);
});

test('an empty variable counts as not set', () => {
  expect(faults({REDIS_URL: ''}, ['redisUrl'])).toHaveLength(1);
  expect(readConfig({KAFKA_TOPIC: ''}, []).topic).toBe('shop.order-events');
});

describe('a setting from a file', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'order-projector-'))));
  afterEach(() => rmSync(folder, {recursive: true, force: true}));
  const file = (text: string): string => {
    const path = join(folder, 'secret');
    writeFileSync(path, text);
    return path;
  };

  test('the trailing newline is not part of the value', () => {
    const url = 'redis://:p%20w@redis:6379/0';
    expect(readConfig({REDIS_URL_FILE: file(`${url}\n`)}, ['redisUrl']).redisUrl).toBe(url);
    expect(readConfig({REDIS_URL_FILE: file(`${url}\r\n`), REDIS_URL: ''}, ['redisUrl']).redisUrl).toBe(url);
  });

  test('a variable and its _FILE form are rejected if both are set', () => {
    const environment = {REDIS_URL: 'redis://a', REDIS_URL_FILE: file('redis://b')};
    expect(faults(environment)).toEqual(['REDIS_URL and REDIS_URL_FILE are both set: remove one of them']);
  });

  test('a file that cannot be read is reported with the name of its variable', () => {
    const [fault] = faults({REDIS_URL_FILE: join(folder, 'missing')});
    expect(fault).toMatch(/^REDIS_URL_FILE names a file that cannot be read: .*ENOENT/);
  });

  test('an empty file is reported with the rule that its value breaks', () => {
    const [fault] = faults({KAFKA_SASL_PASSWORD_FILE: file('')});
    expect(fault).toMatch(/^KAFKA_SASL_PASSWORD_FILE \(.*\) must be a text of at least one character/);
  });
});

describe('settings that depend on each other', () => {
  test('the heartbeat interval must be at most a third of the session timeout', () => {
    expect(faults({KAFKA_HEARTBEAT_INTERVAL_MS: '3334'})).toEqual([
      expect.stringContaining('KAFKA_HEARTBEAT_INTERVAL_MS must be at most a third of'),
    ]);
    expect(faults({KAFKA_HEARTBEAT_INTERVAL_MS: '3333'})).toEqual([]);
  });

  test('the SASL settings must be set together or not at all', () => {
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

  test('the maximum wait of a fetch must be less than the request timeout', () => {
    expect(faults({KAFKA_MAX_WAIT_MS: '1000', KAFKA_REQUEST_TIMEOUT_MS: '1000'})).toEqual([
      'KAFKA_MAX_WAIT_MS must be less than KAFKA_REQUEST_TIMEOUT_MS, because otherwise a fetch can time out',
    ]);
  });
});

test('extra columns are parsed into names and types, and blanks around commas are ignored', () => {
  const config = readConfig({ORDER_EXTRA_COLUMNS: 'status, created_at:time,note:text'}, []);
  expect(sourceSchema(config).extraColumns).toEqual([
    {name: 'status', type: 'text'},
    {name: 'created_at', type: 'time'},
    {name: 'note', type: 'text'},
  ]);
  expect(sourceSchema(readConfig({}, [])).extraColumns).toEqual([]);
});

test('an extra column is rejected if it has the name of a contract field or occurs twice', () => {
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

test('the schema of the decoder contains the mapped names of tables and columns', () => {
  const schema = sourceSchema(readConfig({ORDERS_TABLE: 'sales', ORDER_ITEM_QUANTITY_COLUMN: 'qty'}, []));
  expect([schema.orders.table, schema.items.quantity, schema.items.table]).toEqual([
    'sales',
    'qty',
    'order_items',
  ]);
});

test('ORDER_ITEMS_ON_ORDER_DELETE=keep is part of the schema and of the layout, and the default changes no layout (I13)', () => {
  const read = (value: string): unknown => {
    const config = readConfig({ORDER_ITEMS_ON_ORDER_DELETE: value}, []);
    return [sourceSchema(config).items.onOrderDelete, layoutSettings(config).mapping];
  };
  expect(read('')).toEqual(['cascade', {}]);
  expect(read('cascade')).toEqual(['cascade', {}]);
  expect(read('keep')).toEqual(['keep', {'items-on-order-delete': 'keep'}]);
  expect(faults({ORDER_ITEMS_ON_ORDER_DELETE: 'delete'})).toHaveLength(1);
});

describe('variables that resemble settings', () => {
  test.each([
    ['PROJECTOR_HTTP_PROT', '; did you mean PROJECTOR_HTTP_PORT?'],
    ['KAFKA_PARTITIONS', '; did you mean KAFKA_TOPIC_PARTITIONS?'],
    ['ORDER_TOTAL_AMOUNT', '; did you mean ORDER_TOTAL_AMOUNT_COLUMN?'],
    ['REDIS_ULR_FILE', '; did you mean REDIS_URL?'],
    ['MYSQL_ALLOW_EMPTY_PASSWORDS_FOR_EVERYBODY', ''],
  ])('%s is reported as unknown%s', (name, suggestion) => {
    expect(unknownVariables({...MINIMAL, [name]: 'a secret'})).toEqual([
      `${name} is not a setting of this program${suggestion}`,
    ]);
  });

  test('settings, their _FILE forms and the variables of other programs are not reported', () => {
    const all = settings.flatMap(([, {env}]) => [env, `${env}_FILE`]);
    const foreign = ['PATH', 'HOME', 'NODE_OPTIONS', 'OTEL_SERVICE_NAME', 'TZ'];
    expect(unknownVariables(Object.fromEntries([...all, ...foreign].map((name) => [name, 'x'])))).toEqual([]);
  });

  test('variables that Kubernetes sets for a service are not reported, but a port number is', () => {
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

test.each(['REDIS_URL', 'MYSQL_URL', 'CONNECT_URL'])(
  '%s must not contain a % that begins no escape',
  (name) => {
    const protocol = {REDIS_URL: 'redis', MYSQL_URL: 'mysql', CONNECT_URL: 'http'}[name] ?? '';
    expect(faults({[name]: `${protocol}://user:50%Zq7Secret@127.0.0.1:1/0`})).toEqual([
      expect.stringMatching(/must be a URL in which each % begins an escape: write the character % as %25/),
    ]);
    expect(faults({[name]: `${protocol}://user:50%25@127.0.0.1:1/0`})).toEqual([]);
  },
);
