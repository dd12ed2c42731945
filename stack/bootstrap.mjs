/**
 * Runs a TypeScript entry of this repository on a machine where nothing was installed before:
 * installs the locked dependencies and builds `dist/` when they are missing or out of date, then starts the entry.
 *
 * Usage: node stack/bootstrap.mjs ENTRY.ts [arguments]
 * Plain JavaScript without dependencies, because it runs before any are there.
 */
import {spawn, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stampFolder = join(root, 'node_modules', '.order-projector');

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Node ${process.versions.node} is too old: install Node 20.19 or later.\n`);
  process.exit(2);
}

prepare('dependencies', [wantedPackages(), contentOf('package-lock.json')], 'npm', [
  'ci',
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
]);
const sources = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'stack/copy-scripts.mjs'];
prepare('build', [...sources, ...filesBelow('src')].map(contentOf), 'npm', ['run', '--silent', 'build']);

const [entry, ...args] = process.argv.slice(2);
if (entry === undefined) {
  process.stderr.write('Usage: node stack/bootstrap.mjs ENTRY.ts [arguments]\n');
  process.exit(2);
}
const child = spawn(process.execPath, ['--import', 'tsx', entry, ...args], {cwd: root, stdio: 'inherit'});
// A terminal sends Ctrl-C to the whole group; the child decides when it has ended, this process only waits for it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT') child.kill(signal);
  });
}
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));

/** Runs the command unless it already succeeded for exactly these contents. */
function prepare(step, contents, command, commandArgs) {
  const hash = createHash('sha256').update(process.version);
  for (const content of contents) hash.update(content).update('\0');
  const digest = hash.digest('hex');
  const stamp = join(stampFolder, step);
  const product = join(root, step === 'build' ? 'dist/main.js' : 'node_modules/tsx');
  if (existsSync(product) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;

  process.stderr.write(step === 'build' ? 'Building dist ...\n' : 'Installing dependencies (npm ci) ...\n');
  // stdout belongs to the entry (`stack env --json`), so what npm says goes to stderr.
  const result = spawnSync(command, commandArgs, {cwd: root, stdio: ['ignore', 2, 2]});
  if (result.error !== undefined || result.status !== 0) {
    process.stderr.write(`The step "${step}" failed: ${command} ${commandArgs.join(' ')}\n`);
    process.exit(1);
  }
  mkdirSync(stampFolder, {recursive: true});
  writeFileSync(stamp, digest);
}

function contentOf(file) {
  return `${file}\0${readFileSync(join(root, file), 'utf8')}`;
}

/** What package.json says of packages: another script or description needs no install. */
function wantedPackages() {
  const {dependencies, devDependencies, overrides} = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  return JSON.stringify({dependencies, devDependencies, overrides});
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile() && /\.(ts|lua|html|css|svg)$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length))
    .sort();
}
