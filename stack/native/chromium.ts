/**
 * Finds a browser for the test of the worker's page: the one in PATH, else Debian's package and the libraries that the
 * machine lacks. They are unpacked into the cache like Redis (debian.ts). Nothing is installed.
 */
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {which} from '../command.js';
import {downloadsFolder} from '../folders.js';
import {Apt, osRelease} from './debian.js';
import {installItem, type DownloadOptions} from './downloads.js';

export interface Chromium {
  readonly program: string;
  /** Variables to add to the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
const SYSTEM_FONTS = '/etc/fonts/fonts.conf';

/** Why this machine cannot have a browser. Undefined if it has one or can download one. This downloads nothing. */
export function whyNoChromium(): string | undefined {
  if (onPath() !== undefined || existsSync(chromiumFolder())) return undefined;
  const isDebian = /^ID=debian$/m.test(osRelease()) && which('apt-get') !== undefined;
  if (isDebian && process.platform === 'linux' && process.arch === 'x64') return undefined;
  return 'PATH contains no chromium or google-chrome, and the download works only on Debian on amd64.';
}

export async function fetchChromium(options: DownloadOptions): Promise<Chromium> {
  const program = onPath();
  if (program !== undefined) return {program, env: {}};
  const folder = chromiumFolder();
  mkdirSync(downloadsFolder(), {recursive: true});
  await installItem(folder, 'Chromium from Debian', {
    ...options,
    fetch: async (part) => {
      const apt = new Apt(part, options.signal);
      mkdirSync(join(part, 'unpacked'));
      await apt.fetch(join(part, 'unpacked'), async () => await apt.toInstall('chromium'));
    },
  });
  const unpacked = join(folder, 'unpacked');
  const libraries = [LIBRARIES, 'lib/x86_64-linux-gnu', `${LIBRARIES}/pulseaudio`];
  return {
    program: join(unpacked, 'usr', 'lib', 'chromium', 'chromium'),
    env: {
      LD_LIBRARY_PATH: libraries.map((path) => join(unpacked, path)).join(':'),
      ...(existsSync(SYSTEM_FONTS) ? {} : {FONTCONFIG_FILE: ownFonts(folder)}),
    },
  };
}

function onPath(): string | undefined {
  return NAMES.map(which).find((program) => program !== undefined);
}

/** The key contains the distribution and its release, because they require different packages. */
function chromiumFolder(): string {
  const key = createHash('sha256').update(osRelease()).digest('hex').slice(0, 12);
  return join(downloadsFolder(), `chromium-${key}`);
}

/** The configuration of the downloaded fonts, for a machine without fonts. */
function ownFonts(folder: string): string {
  const file = join(folder, 'fonts.conf');
  const folders = [join(folder, 'unpacked', 'usr', 'share', 'fonts'), '/usr/share/fonts'];
  const lines = folders.map((path) => `<dir>${path}</dir>`);
  writeFileSync(
    file,
    `<?xml version="1.0"?>\n<fontconfig>${lines.join('')}<cachedir>${join(folder, 'fonts')}</cachedir></fontconfig>\n`,
  );
  return file;
}
