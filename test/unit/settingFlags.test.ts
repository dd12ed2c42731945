/** A flag for each setting, and the forms of the settings table that other programs read. */
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {configExample, configSchema} from '../../src/config/forms.js';
import {main} from '../../src/cli/program.js';
import {SETTING_FLAGS} from '../../src/cli/settingFlags.js';
import type {Environment} from '../../src/config/config.js';
import {KAFKA_SECURITY, MYSQL_SECURITY, REDIS_SECURITY} from '../../src/config/securitySettings.js';
import type {Setting} from '../../src/config/setting.js';
import {SETTINGS} from '../../src/config/settings.js';

const settings: Setting<unknown>[] = Object.values(SETTINGS);
const names = settings.map(({env}) => env);

interface Printed {
  readonly exitCode: number;
  readonly text: string;
  readonly notes: string[];
}

async function projector(args: readonly string[], environment: Environment = {}): Promise<Printed> {
  const lines: string[] = [];
  const notes: string[] = [];
  const output = {line: (text: string) => lines.push(text), note: (text: string) => notes.push(text)};
  const exitCode = await main(['node', 'projector', ...args], environment, output);
  return {exitCode, text: lines.join('\n'), notes};
}

/** The value of a setting in the output of `config print`. */
async function valueOf(name: string, args: readonly string[], environment: Environment): Promise<unknown> {
  const {text, notes} = await projector(args, environment);
  expect(notes).toEqual([]);
  const rows = JSON.parse(text) as {name: string; value: unknown}[];
  return rows.find((row) => row.name === name)?.value;
}

describe('flags', () => {
  // Settings of TLS and logins are valid only together, so this test leaves them out.
  const security: Setting<unknown>[] = Object.values({
    ...KAFKA_SECURITY,
    ...REDIS_SECURITY,
    ...MYSQL_SECURITY,
  });
  const joint = new Set(security.map(({env}) => env));
  const plain = settings.filter(({env, secret}) => secret !== true && !joint.has(env));

  test.each(plain.map(({env, example}) => [env, example]))(
    'the flag of %s overrides the environment, before and after the command',
    async (env, example) => {
      const flag = `--${env.toLowerCase().replaceAll('_', '-')}`;
      // The value would be rejected, but the flag overrides it, so it is never parsed.
      // REDIS_LAYOUT needs a prefix.
      const environment = {REDIS_KEY_PREFIX: 'shop:', [env]: '\u0000 no value ,, [*'};
      for (const args of [
        [flag, example, 'config', '--json'],
        ['config', 'print', '--json', flag, example],
        ['config', `${flag}=${example}`, 'print', '--json'],
      ])
        expect(await valueOf(env, args, environment)).toBe(example);
    },
  );

  test('a secret has no flag, except the flag for the file that contains it', async () => {
    const secrets = settings.filter(({secret}) => secret === true).map(({env}) => env);
    expect(secrets).toContain('REDIS_URL');
    for (const env of secrets) {
      const flag = `--${env.toLowerCase().replaceAll('_', '-')}`;
      expect(SETTING_FLAGS.filter((each) => each.flag === flag)).toEqual([]);
      expect(SETTING_FLAGS.find((each) => each.flag === `${flag}-file`)?.variable).toBe(`${env}_FILE`);
      for (const words of [[flag, 'Zq7Secret'], [`${flag}=Zq7Secret`]]) {
        const {exitCode, notes} = await projector(['config', 'print', ...words]);
        expect([exitCode, notes.join().includes(`use ${flag}-file <path>`)]).toEqual([2, true]);
        expect(notes.join()).not.toContain('Zq7Secret');
      }
    }
  });

  test('the flag for the file of a secret overrides the variable', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'order-projector-'));
    try {
      const file = join(folder, 'url');
      writeFileSync(file, 'redis://:Zq7Secret@redis:6379/0\n');
      const environment = {REDIS_URL: 'redis://other', KAFKA_BROKERS: 'kafka:9092'};
      expect(await projector(['config', 'check', '--redis-url-file', file], environment)).toEqual({
        exitCode: 0,
        text: 'ok',
        notes: [],
      });
      const printed = await projector(['config', 'print', '--redis-url-file', file], environment);
      expect(printed.text).not.toContain('Zq7Secret');
    } finally {
      rmSync(folder, {recursive: true, force: true});
    }
  });

  test('every setting has a flag, and no command has an option of the same name', async () => {
    expect(SETTING_FLAGS.map(({setting}) => setting.env)).toEqual(names);
    for (const path of [
      ['run'],
      ['verify'],
      ['rebuild'],
      ['status'],
      ['connector', 'apply'],
      ['offsets', 'reset'],
    ]) {
      const {text} = await projector([...path, '--help']);
      const own = [...text.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag]) => flag);
      expect(own.length).toBeGreaterThan(0);
      expect(SETTING_FLAGS.filter(({flag}) => own.includes(flag))).toEqual([]);
    }
  });

  test('--help lists the flags of the basic settings, and --help-all lists all flags', async () => {
    const short = (await projector(['--help'])).text;
    const long = (await projector(['--help-all'])).text;
    const shown = (text: string): string[] =>
      SETTING_FLAGS.filter(({flag}) => text.includes(`${flag} <`)).map(({setting}) => setting.env);
    expect(shown(short)).toEqual(settings.filter(({basic}) => basic === true).map(({env}) => env));
    expect(shown(long)).toEqual(names);
  });
});

describe('config check', () => {
  test('the command lists all faults at once without any value, and exits with code 2', async () => {
    const environment = {KAFKA_BROKERS: 'Zq7Secret', PROJECTOR_LOG_LEVEL: 'Zq7Secret'};
    const {exitCode, text, notes} = await projector(['config', 'check'], environment);
    expect([exitCode, notes]).toEqual([2, []]);
    expect(text.split('\n').map((line) => line.split(' ', 1)[0])).toEqual([
      'KAFKA_BROKERS',
      'REDIS_URL',
      'PROJECTOR_LOG_LEVEL',
    ]);
    expect(text).not.toContain('Zq7Secret');
    const {text: json} = await projector(['config', 'check', '--json'], environment);
    expect(JSON.parse(json)).toEqual({ok: false, faults: text.split('\n')});
  });

  test('the command prints ok if the settings are valid', async () => {
    const environment = {KAFKA_BROKERS: 'kafka:9092', REDIS_URL: 'redis://redis'};
    expect(await projector(['config', 'check'], environment)).toEqual({exitCode: 0, text: 'ok', notes: []});
  });
});

describe('the settings table in other forms', () => {
  test('.env.example is the output of `config example`', async () => {
    const {exitCode, text} = await projector(['config', 'example']);
    expect(exitCode).toBe(0);
    expect(readFileSync('.env.example', 'utf8')).toBe(`${text}\n`);
  });

  test('the JSON Schema and the example name the same settings as the table', () => {
    const {properties} = configSchema() as {properties: object};
    expect(Object.keys(properties).filter((name) => !name.endsWith('_FILE'))).toEqual(names);
    const inExample = configExample().flatMap(
      (line) => /^(?:# )?([A-Z_]+?)(?:_FILE)?=/.exec(line)?.[1] ?? [],
    );
    expect([...inExample].sort()).toEqual([...names].sort());
  });

  test('an environment made from the example is valid', async () => {
    const lines = configExample().filter((line) => /^[A-Z_]+=/.test(line));
    const environment = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2) as [string, string]));
    expect(await projector(['config', 'check'], environment)).toEqual({exitCode: 0, text: 'ok', notes: []});
  });

  test('the JSON Schema of each setting accepts its default and its example', () => {
    interface Form {
      readonly type?: string;
      readonly pattern?: string;
      readonly enum?: readonly string[];
      readonly description?: string;
    }
    const {properties} = configSchema() as {properties: Record<string, Form>};
    const misfits = settings.filter(({env, default: value, example, desc, secret, inFile}) => {
      const {type, pattern, enum: words, description} = properties[env] ?? {};
      const fits = (text: string): boolean =>
        (pattern === undefined || new RegExp(pattern).test(text)) && (words?.includes(text) ?? true);
      const samples = [
        ...(value === undefined ? [] : [value]),
        ...(secret === true || inFile === true ? [] : [example]),
      ];
      return type !== 'string' || description !== desc || !samples.every(fits);
    });
    expect(misfits).toEqual([]);
    expect(properties['PROJECTOR_LOG_LEVEL']?.enum).toContain('silent');
    expect(properties['PROJECTOR_CHUNK_ORDERS_MAX']?.pattern).toBeDefined();
  });
});
