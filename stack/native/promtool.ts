/** Finds promtool, which checks Prometheus rules: in PATH, else in Debian's package, which is unpacked but not installed. */
import {existsSync, mkdirSync, renameSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {which} from '../command.js';
import {downloadsFolder} from '../folders.js';
import {Apt} from './debian.js';
import {type DownloadOptions, installItem} from './downloads.js';

/** Why this machine cannot have promtool. Undefined if it has it or can download it. This downloads nothing. */
export function whyNoPromtool(): string | undefined {
  if (which('promtool') !== undefined || existsSync(folder())) return undefined;
  if (which('apt-get') !== undefined && which('dpkg') !== undefined) return undefined;
  return 'PATH contains no promtool, and the download works only on Debian and Ubuntu.';
}

/** Returns the path of promtool and downloads it if necessary. */
export async function fetchPromtool(options: DownloadOptions): Promise<string> {
  const onPath = which('promtool');
  if (onPath !== undefined) return onPath;
  mkdirSync(downloadsFolder(), {recursive: true});
  await installItem(folder(), 'promtool from Debian', {
    ...options,
    fetch: async (part) => {
      const unpacked = join(part, 'unpacked');
      mkdirSync(unpacked);
      await new Apt(part, options.signal).fetch(unpacked, () => Promise.resolve(['prometheus']));
      // The rest of the package is the Prometheus server, which is not used.
      renameSync(join(unpacked, 'usr', 'bin', 'promtool'), join(part, 'promtool'));
      rmSync(unpacked, {recursive: true});
    },
  });
  return join(folder(), 'promtool');
}

function folder(): string {
  return join(downloadsFolder(), 'promtool-debian-1');
}
