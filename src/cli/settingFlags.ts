/**
 * A flag for each setting: `--kafka-brokers x` is KAFKA_BROKERS=x, and wins over it. A secret on a command line would be seen by
 * every user of the machine, so secrets have the flag of their file alone: `--redis-url-file path` is REDIS_URL_FILE=path. So have
 * certificates, which are files everywhere.
 */
import {Option, type Command} from 'commander';
import type {Environment} from '../config/config.js';
import type {Setting} from '../config/setting.js';
import {SETTINGS} from '../config/settings.js';

export interface SettingFlag {
  /** `--kafka-brokers`, `--redis-url-file`. */
  readonly flag: string;
  /** The variable that it sets. */
  readonly variable: string;
  /** The variable that it takes the place of as well. */
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

/** Adds them to the program, and so to each of its commands. Help shows those of basic settings, or all. */
export function addSettingFlags(program: Command, {showAll}: {readonly showAll: boolean}): void {
  for (const {flag, setting} of SETTING_FLAGS) {
    const {env, desc, basic = false, default: value = ''} = setting;
    const told = value === '' ? '' : ` (default: ${value})`;
    const option = new Option(
      `${flag} <${isGivenAsFile(setting) ? 'path' : 'value'}>`,
      `${env}. ${desc}${told}`,
    );
    program.addOption(option.hideHelp(!showAll && !basic).helpGroup('Settings:'));
  }
}

/** The environment with the flags that were given in the place of their variables. */
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

/** Whether this is what the flag of a secret would be if there was one. */
export function isSecretFlag(flag: string | undefined): flag is string {
  return SETTING_FLAGS.some(({flag: known, setting: {secret = false}}) => secret && known === `${flag}-file`);
}
