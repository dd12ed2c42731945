/** The Docker quick start of README.md, pasted as a whole into a shell. Without a Docker engine it is skipped, with a message. */
import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {freePorts} from '../../stack/ports.js';
import {blocksOf, Paste} from '../support/commandBlocks.js';

const TIMEOUT_MS = 420_000;
const hasDocker = spawnSync('docker', ['compose', 'ls'], {timeout: 5_000}).status === 0;
if (!hasDocker)
  process.stderr.write('skipped: the Docker quick start needs a Docker engine, and none answers\n');

const [block] = blocksOf('README.md').filter(({kind}) => kind === 'sh docker');
/** The ports that .env publishes. The test publishes free ones. */
const ports = [...readFileSync('.env', 'utf8').matchAll(/^(\w+_PORT)=/gm)].map(([, name]) => name ?? '');
const env: Record<string, string> = {COMPOSE_PROJECT_NAME: `quick-start-${process.pid}`};

async function pasted(text: string): Promise<string> {
  const shell = new Paste(text, {cwd: '.', env});
  await shell.ended;
  return shell.output;
}

(hasDocker ? describe : describe.skip)('the quick start of README.md', () => {
  beforeAll(async () => {
    const free = await freePorts(ports.length);
    ports.forEach((name, index) => (env[name] = String(free[index])));
  });

  afterAll(async () => {
    await pasted('docker compose down --volumes');
  }, 120_000);

  test(
    'shows the order that was inserted, and the report',
    async () => {
      const output = await pasted(block!.text);
      expect(output).not.toContain(Paste.failed);
      expect(output).toContain(Paste.complete);
      expect(output).toMatch(/^items +product_id:10,quantity:1;product_id:15,quantity:3$/m);
      expect(output).toMatch(/^best sellers: product +units$/m);
    },
    TIMEOUT_MS,
  );

  test('the image runs a command that is given to it', async () => {
    const {version} = JSON.parse(readFileSync('package.json', 'utf8')) as {version: string};
    expect(await pasted('docker run --rm order-projector --version')).toMatch(
      new RegExp(`^${version.replaceAll('.', '\\.')}$`, 'm'),
    );
  });
});
