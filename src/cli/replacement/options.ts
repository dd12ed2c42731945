/** The options of `projector rebuild` and `projector sync`. */
import {readFileSync} from 'node:fs';
import {InvalidArgumentError, Option, type Command} from 'commander';
import type {Config} from '../../config/config.js';
import {messageOf, ProjectorError} from '../../runtime/errors.js';

/** Where both commands build the read model, for their help. */
export const STAGING =
  'next to the live one, then replace the live one. Running workers continue without a restart. With REDIS_LAYOUT=single, the new one is ' +
  'in the database REDIS_STAGING_DATABASE of the same Redis, and both are swapped atomically. With partitioned, it is in staging keys, ' +
  'which become the live ones while the workers pause';

/** Adds the options that both commands have. */
export function withReplaceOptions(command: Command): Command {
  return command
    .option(
      '--target <url>',
      'build the read model in this Redis instead, which must have no readers. Nothing is replaced then',
      redisUrl,
    )
    .addOption(
      new Option('--target-file <path>', 'file with the URL of --target, if the URL contains a password')
        .argParser(redisUrlIn)
        .conflicts('target'),
    )
    .option('--restart', 'discard the data of an unfinished run instead of resuming it', false)
    .option(
      '--quarantine',
      'quarantine records that cannot be applied, as a worker does, instead of halting at the first one',
      false,
    )
    .option('--dry-run', 'run the preflight checks only, and change nothing', false)
    .option('--json', 'print the result as JSON', false);
}

/**
 * Every user of the machine can read a command line, so the URL on it must not contain a password. commander would repeat the value in the
 * message of an InvalidArgumentError, so these errors are of another kind.
 */
function redisUrl(value: string): string {
  if (!isRedisUrl(value))
    throw new ProjectorError('usage', '--target must be a URL that begins with redis:// or rediss://');
  if (new URL(value).password !== '')
    throw new ProjectorError(
      'usage',
      '--target must not contain a password: use --target-file, a file with the URL',
    );
  return value;
}

function redisUrlIn(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new InvalidArgumentError(`cannot be read: ${messageOf(error)}`);
  }
  if (isRedisUrl(text)) return text;
  throw new InvalidArgumentError('must name a file with a URL that begins with redis:// or rediss://.');
}

function isRedisUrl(text: string): boolean {
  return /^rediss?:\/\/[^/]/.test(text) && URL.canParse(text);
}

export interface ReplaceOptions {
  /**
   * The Redis to fill, which has no readers. There is no cutover then. If it is undefined, the command replaces the live read model.
   */
  readonly target: string | undefined;
  /** The same URL, read from a file. */
  readonly targetFile: string | undefined;
  readonly dryRun: boolean;
  /** Discard the data of an unfinished run instead of resuming it. */
  readonly restart: boolean;
  /** Quarantine bad records as a worker does, instead of halting at the first one. */
  readonly quarantine: boolean;
  readonly json: boolean;
}

export function targetOf({
  target,
  targetFile,
}: Pick<ReplaceOptions, 'target' | 'targetFile'>): string | undefined {
  return target ?? targetFile;
}

/** Throws `usage` if --target is given in the layout `partitioned`. */
export function requireNoTarget({redisLayout}: Config, options: ReplaceOptions): void {
  if (redisLayout === 'single' || targetOf(options) === undefined) return;
  throw new ProjectorError(
    'usage',
    '--target and --target-file do not support REDIS_LAYOUT=partitioned: run the command with another REDIS_KEY_PREFIX, which builds a second read model next to the first one',
  );
}
