/** Which commands work with which layout of the keys (redis-model/keys.ts). */
import type {Config} from '../config/config.js';
import {ProjectorError} from '../runtime/errors.js';

/** Throws `usage` if the keys have the layout `partitioned`, which this command does not support. */
export function requireSingleLayout({redisLayout}: Config, command: string): void {
  if (redisLayout === 'single') return;
  throw new ProjectorError(
    'usage',
    `\`projector ${command}\` does not support REDIS_LAYOUT=${redisLayout} (docs/cluster.md, "What works, and what does not?")`,
  );
}
