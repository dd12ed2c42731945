/** The parts of the command line that need no server. */
import {main} from '../../src/cli/program.js';
import type {Environment} from '../../src/config/config.js';
import type {Setting} from '../../src/config/setting.js';
import {SETTINGS} from '../../src/config/settings.js';

interface Printed {
  readonly exitCode: number;
  readonly lines: string[];
  readonly notes: string[];
}

async function projector(args: string[], environment: Environment): Promise<Printed> {
  const lines: string[] = [];
  const notes: string[] = [];
  const output = {line: (text: string) => lines.push(text), note: (text: string) => notes.push(text)};
  return {exitCode: await main(['node', 'projector', ...args], environment, output), lines, notes};
}

const SECRETS = {
  REDIS_URL: 'redis://user:Zq7Secret@redis:6379/0',
  MYSQL_URL: 'mysql://user:Zq7Secret@mysql:3306/shop',
  KAFKA_SASL_MECHANISM: 'plain',
  KAFKA_SASL_USERNAME: 'worker',
  KAFKA_SASL_PASSWORD: 'Zq7Secret',
};

test.each([[['config']], [['config', '--json']]])(
  '%j prints every setting and no secret (I11)',
  async (args) => {
    const {exitCode, lines, notes} = await projector(args, {...SECRETS, KAFKA_BROKERS: 'kafka:9092'});
    const text = lines.join('\n');
    expect([exitCode, notes]).toEqual([0, []]);
    const settings: Setting<unknown>[] = Object.values(SETTINGS);
    expect(settings.filter(({env}) => !text.includes(env))).toEqual([]);
    expect(text).not.toContain('Zq7Secret');
    expect(text).toContain('<redacted>');
    expect(text).toContain('kafka:9092');
  },
);

test.each([[['run']], [['lag']], [['report']], [['connector', 'apply']]])(
  '%j without settings prints one line that names the missing setting, and exits with code 2',
  async (args) => {
    const {exitCode, lines, notes} = await projector(args, {});
    expect([exitCode, lines, notes.length]).toEqual([2, [], 1]);
    expect(notes[0]).toMatch(
      /^projector: config-invalid: .+ is not set .+\. Correct the settings that the message names\.$/,
    );
    expect(notes[0]).not.toContain('\n');
  },
);

test.each([
  [
    ['--against', 'topic', '--repair'],
    /^projector: usage: a repair requires the rows of MySQL: .*`projector rebuild`/,
  ],
  [['--remove-malformed'], /^projector: usage: --remove-malformed requires --repair/],
  [['--against', 'topic', '--remove-malformed'], /^projector: usage: a repair requires the rows of MySQL/],
  [
    ['--against', 'topic', '--sample', '5'],
    /^projector: usage: --against topic always replays the whole topic/,
  ],
  [['--restart'], /^projector: usage: --restart requires --against topic/],
])('verify %j exits with code 2, because these options cannot be combined', async (args, message) => {
  const {exitCode, lines, notes} = await projector(['verify', ...args], {});
  expect([exitCode, lines, notes]).toEqual([2, [], [expect.stringMatching(message)]]);
});

test('verify requires MYSQL_URL, but verify --against topic does not', async () => {
  const {exitCode, notes} = await projector(['verify', '--against', 'topic'], {});
  expect([exitCode, notes]).toEqual([2, [expect.stringMatching(/KAFKA_BROKERS is not set/)]]);
  expect(notes[0]).not.toContain('MYSQL_URL');
  expect((await projector(['verify'], {})).notes[0]).toContain('MYSQL_URL');
});

test('a missing connector file is reported in one line, with exit code 2', async () => {
  const environment = {CONNECT_URL: 'http://127.0.0.1:1', KAFKA_BROKERS: '127.0.0.1:1'};
  const {exitCode, notes} = await projector(['connector', 'status', '--file', 'missing.json'], environment);
  expect(exitCode).toBe(2);
  expect(notes).toEqual([
    expect.stringMatching(/^projector: usage: the connector file cannot be read: .*ENOENT/),
  ]);
});

test.each(['http://user:Zq7Secret@127.0.0.1:1', 'http://user:Zq7Secret@h:99999', 'ftp://user:Zq7/Secret@h'])(
  'status --url rejects %s, and does not repeat the password',
  async (url) => {
    const {exitCode, lines, notes} = await projector(['status', '--url', url], {});
    expect([exitCode, lines]).toEqual([2, []]);
    expect(notes.join()).toMatch(/--url/);
    expect(notes.join()).not.toMatch(/Zq7|Secret/);
  },
);

describe('--target and --target-file', () => {
  test.each(['rebuild', 'sync'])(
    '%s --target rejects a URL with a password, and does not repeat it',
    async (command) => {
      const {exitCode, lines, notes} = await projector(
        [command, '--target', 'redis://user:Zq7Secret@127.0.0.1:1'],
        {},
      );
      expect([exitCode, lines]).toEqual([2, []]);
      expect(notes.join()).toMatch(/must not contain a password: use --target-file/);
      expect(notes.join()).not.toContain('Zq7Secret');
    },
  );

  test.each([
    'redis://user:Zq7Secret@127.0.0.1:99999',
    'http://user:Zq7Secret@127.0.0.1',
    'redis:///Zq7Secret',
  ])('--target rejects another text, such as %s, and does not repeat it', async (text) => {
    const {exitCode, lines, notes} = await projector(['rebuild', '--target', text], {});
    expect([exitCode, lines]).toEqual([2, []]);
    expect(notes.join()).toMatch(/--target must be a URL that begins with redis/);
    expect(notes.join()).not.toContain('Zq7Secret');
  });

  test('--target-file names a file with a URL', async () => {
    const {exitCode, notes} = await projector(['rebuild', '--target-file', 'package.json'], {});
    expect([exitCode, notes.join()]).toEqual([
      2,
      expect.stringMatching(/must name a file with a URL that begins with redis/),
    ]);
    const missing = await projector(['rebuild', '--target-file', 'no-such-file'], {});
    expect([missing.exitCode, missing.notes.join()]).toEqual([
      2,
      expect.stringMatching(/cannot be read: .*ENOENT/),
    ]);
  });
});
