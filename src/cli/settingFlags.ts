/**
 * One option for each setting: `--kafka-brokers x` means KAFKA_BROKERS=x, and takes precedence over the variable.
 *
 * Every user of the machine can read a command line. So a secret has only the option for its file: `--redis-url-file path` means
 * REDIS_URL_FILE=path. Certificates also have only the option for their file, because they are kept in files anyway.
 */
import {Option, type Command} from 'commander';
import type {Environment} from '../config/config.js';
import type {Setting} from '../config/setting.js';
import {SETTINGS} from '../config/settings.js';

export interface SettingFlag {
  /** For example `--kafka-brokers` or `--redis-url-file`. */
  readonly flag: string;
  /** The variable that it sets. */
  readonly variable: string;
  /**
   * The other variable of the same setting: with `_FILE` if `variable` is without it, else without. The option removes it from the
   * environment, because otherwise the setting would be given twice.
   */
  readonly instead: string;
  readonly setting: Setting<unknown>;
}

export const SETTING_FLAGS: readonly SettingFlag[] = Object.values<Setting<unknown>>(SETTINGS).map(
  (setting) => {
    const {env} = setting;
    const file = `${env}_FILE`;
    const [variable, instead] = isGivenAsFile(setting) ? [file, env] : [env, file];
    return {flag: `--${variable.toLowerCase().replaceAll('_', '-')}`, variable, instead, setting};
  },
);

/** Adds all options to the program. The help shows the options of all settings if `showAll` is true, else those of basic settings. */
export function addSettingFlags(program: Command, {showAll}: {readonly showAll: boolean}): void {
  for (const {flag, setting} of SETTING_FLAGS) {
    const {env, desc, basic = false, default: value = ''} = setting;
    const notified = value === '' ? '' : ` (default: ${value})`;
    const option = new Option(
      `${flag} <${isGivenAsFile(setting) ? 'path' : 'value'}>`,
      `${env}. ${desc}${notified}`,
    );
    program.addOption(option.hideHelp(!showAll && !basic).helpGroup('Settings:'));
  }
}

/** Returns the environment, with the options of the command line in place of their variables. */
export function withSettingFlags(environment: Environment, program: Command): Environment {
  const given: Record<string, string | undefined> = {};
  for (const {flag, variable, instead} of SETTING_FLAGS) {
    const option = program.options.find(({long}) => long === flag);
    const value: unknown = option === undefined ? undefined : program.getOptionValue(option.attributeName());
    if (typeof value !== 'string') continue;
    given[variable] = value;
    given[instead] = undefined;
  }
  return {...environment, ...given};
}

function isGivenAsFile({secret = false, inFile = false}: Setting<unknown>): boolean {
  return secret || inFile;
}

/** Whether `flag` is the name of a secret setting without `-file`. There is no such option, so `main` suggests the one for the file. */
export function isSecretFlag(flag: string | undefined): flag is string {
  return SETTING_FLAGS.some(({flag: known, setting: {secret = false}}) => secret && known === `${flag}-file`);
}
