/**
 * Runs a TypeScript file of this repository on a machine where nothing was installed before. It installs the locked
 * dependencies and builds `dist/` if they are missing or outdated, and then starts the file.
 *
 * Usage: node stack/bootstrap.mjs ENTRY.ts [arguments]
 * It is plain JavaScript without dependencies, because it runs before any dependency is installed.
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
  process.stderr.write(`Node ${process.versions.node} is not supported: install Node 20.19 or later.\n`);
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
// A terminal sends Ctrl-C to the whole process group. The child handles it, and this process waits until the child exits.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT') child.kill(signal);
  });
}
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));

/** Runs the command. It is skipped if it succeeded before with the same contents. */
function prepare(step, contents, command, commandArgs) {
  const hash = createHash('sha256').update(process.version);
  for (const content of contents) hash.update(content).update('\0');
  const digest = hash.digest('hex');
  const stamp = join(stampFolder, step);
  const product = join(root, step === 'build' ? 'dist/main.js' : 'node_modules/tsx');
  if (existsSync(product) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;

  process.stderr.write(
    step === 'build' ? 'Building dist (npm run build) ...\n' : 'Installing dependencies (npm ci) ...\n',
  );
  // stdout is reserved for the output of the started file (`stack env --json`), so npm writes to stderr.
  const result = spawnSync(command, commandArgs, {cwd: root, stdio: ['ignore', 2, 2]});
  if (result.error !== undefined || result.status !== 0) {
    process.stderr.write(`The step "${step}" failed. Its command: ${command} ${commandArgs.join(' ')}\n`);
    process.exit(1);
  }
  mkdirSync(stampFolder, {recursive: true});
  writeFileSync(stamp, digest);
}

function contentOf(file) {
  return `${file}\0${readFileSync(join(root, file), 'utf8')}`;
}

/** The package lists of package.json. Other fields are left out, because a changed script requires no installation. */
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
