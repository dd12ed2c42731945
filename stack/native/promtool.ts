/** promtool, which checks Prometheus' rules: the machine's own, else out of Debian's package, like Redis never installed. */
import {existsSync, mkdirSync, renameSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {which} from '../command.js';
import {downloadsFolder} from '../folders.js';
import {Apt} from './debian.js';
import {type DownloadOptions, installItem} from './downloads.js';

/** Why it cannot be had on this machine; undefined where it can. Downloads nothing. */
export function whyNoPromtool(): string | undefined {
  if (which('promtool') !== undefined || existsSync(folder())) return undefined;
  if (which('apt-get') !== undefined && which('dpkg') !== undefined) return undefined;
  return 'There is no promtool on the path, and only Debian and Ubuntu can fetch one.';
}

/** Its path. */
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
      // The rest of the package is the server.
      renameSync(join(unpacked, 'usr', 'bin', 'promtool'), join(part, 'promtool'));
      rmSync(unpacked, {recursive: true});
    },
  });
  return join(folder(), 'promtool');
}

function folder(): string {
  return join(downloadsFolder(), 'promtool-debian-1');
}
