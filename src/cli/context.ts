/** The context that every command receives: the settings, the output and the exit code. */
import type {ConfigWith, Environment, SettingName} from '../config/config.js';
import {readConfig} from '../config/readConfig.js';
import type {Output} from './terminal/output.js';

export interface CommandContext {
  /** The environment, with the options of the command line in it. */
  readonly environment: () => Environment;
  readonly output: Output;
  readonly end: (exitCode: number) => void;
}

/** Reads all settings. Throws `config-invalid` with all faults at once. A setting of `required` that is missing is a fault. */
export function settingsOf<const N extends SettingName>(
  {environment}: CommandContext,
  required: readonly N[],
): ConfigWith<N> {
  return readConfig(environment(), required);
}
