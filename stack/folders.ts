import {homedir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {EXIT_CODE, StackError} from './stackError.js';

/** The root folder of the repository. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Holds downloads and the data of stacks. It is outside the repository, so that a new clone downloads nothing again. */
export function cacheFolder(): string {
  const {ORDER_PROJECTOR_CACHE, XDG_CACHE_HOME} = process.env;
  if (ORDER_PROJECTOR_CACHE) return ORDER_PROJECTOR_CACHE;
  return join(XDG_CACHE_HOME ? XDG_CACHE_HOME : join(homedir(), '.cache'), 'order-projector');
}

export function downloadsFolder(): string {
  return join(cacheFolder(), 'downloads');
}

export function stacksFolder(): string {
  return join(cacheFolder(), 'stacks');
}

export function stackFolder(name: string): string {
  if (!/^[a-z0-9][a-z0-9_-]{0,39}$/.test(name)) {
    throw new StackError(
      `Invalid stack name "${name}": use 1 to 40 lower-case letters, digits, - and _, and start with a letter or digit.`,
      EXIT_CODE.usage,
    );
  }
  return join(stacksFolder(), name);
}
