import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {run, which} from '../command.js';
import {EXIT_CODE, StackError} from '../stackError.js';
import {debianFolder, missingFromDebian} from './debian.js';
import {mavenItemsPresent} from './downloads.js';

const JAVA_MIN = 17;

interface Missing {
  title: string;
  apt: string;
  dnf: string;
}

/** Throws one error that names everything missing, before anything is downloaded. Returns the java program to use. */
export async function checkRequirements(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new StackError(
      'The native servers require Linux on amd64. Install Docker with Compose and use --docker.',
      EXIT_CODE.unavailable,
    );
  }
  const missing: Missing[] = [];
  const java = javaProgram();
  if (java === undefined || (await javaRelease(java)) < JAVA_MIN) {
    const [apt, dnf] = ['openjdk-17-jre-headless', 'java-17-openjdk-headless'];
    missing.push({title: `Java ${JAVA_MIN} or later`, apt, dnf});
  }
  if (!mavenItemsPresent() && which('mvn') === undefined) {
    missing.push({title: 'Maven', apt: 'maven', dnf: 'maven'});
  }
  if (!existsSync(debianFolder()) && (which('apt-get') === undefined || which('dpkg') === undefined)) {
    for (const name of missingFromDebian()) {
      const dnf = {'redis-server': 'redis', libaio1: 'libaio', libnuma1: 'numactl-libs'}[name] ?? name;
      missing.push({title: name === 'redis-server' ? 'Redis' : name, apt: name, dnf});
    }
  }
  if (missing.length > 0) throw new StackError(sentence(missing), EXIT_CODE.unavailable);
  return java!;
}

/** Why this machine cannot run a Redis for a test. Undefined if it can. This downloads nothing. */
export function whyNoRedis(): string | undefined {
  if (which('redis-server') !== undefined || existsSync(debianFolder())) return undefined;
  const canFetch = which('apt-get') !== undefined && which('dpkg') !== undefined;
  if (process.platform === 'linux' && process.arch === 'x64' && canFetch) return undefined;
  return 'PATH contains no redis-server, and the download works only on Debian and Ubuntu on amd64.';
}

function sentence(missing: Missing[]): string {
  const titles = missing.map(({title}) => title).join(', ');
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  const command =
    which('dnf') !== undefined && which('apt-get') === undefined
      ? `${sudo}dnf install ${missing.map(({dnf}) => dnf).join(' ')}`
      : `${sudo}apt-get install ${missing.map(({apt}) => apt).join(' ')}`;
  return `This machine lacks: ${titles}. Install it with "${command}", or install Docker with Compose.`;
}

function javaProgram(): string | undefined {
  const home = process.env['JAVA_HOME'];
  const fromHome = home ? join(home, 'bin', 'java') : undefined;
  return fromHome !== undefined && existsSync(fromHome) ? fromHome : which('java');
}

async function javaRelease(java: string): Promise<number> {
  const {output} = await run(java, ['-version'], {timeoutMs: 20_000});
  return Number(/version "(\d+)/.exec(output)?.[1] ?? 0);
}
