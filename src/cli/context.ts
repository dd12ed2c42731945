/**
 * What every command is given. The files that describe commands import nothing heavy: an action loads what it needs when it is
 * called, so that `--help` and a wrong option are answered at once.
 */
import type {ConfigWith, Environment, SettingName} from '../config/config.js';
import {readConfig} from '../config/readConfig.js';
import type {Output} from './terminal/output.js';

export interface CommandContext {
  /** The settings as they were given, flags included. */
  readonly environment: () => Environment;
  readonly output: Output;
  readonly end: (exitCode: number) => void;
}

/** All settings; throws `config-invalid` with every fault at once. `required` must be given. */
export function settingsOf<const N extends SettingName>(
  {environment}: CommandContext,
  required: readonly N[],
): ConfigWith<N> {
  return readConfig(environment(), required);
}
