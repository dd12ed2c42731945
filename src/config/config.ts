/** The types of the configuration, derived from the table of settings. */
import type {SETTINGS} from './settings.js';
import type {Kind} from './valueTypes.js';

export type SettingName = keyof typeof SETTINGS;
type Value<N extends SettingName> = (typeof SETTINGS)[N]['schema'] extends Kind<infer T> ? T : never;
type HasDefault<N extends SettingName> = (typeof SETTINGS)[N] extends {default: string} ? N : never;
type NamesWithDefault = {[N in SettingName]: HasDefault<N>}[SettingName];
/** A setting with a default always has a value. The other settings can be undefined. */
export type Config = {readonly [N in NamesWithDefault]: Value<N>} & {
  readonly [N in Exclude<SettingName, NamesWithDefault>]: Value<N> | undefined;
};
export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration in which these settings have values. */
export type ConfigWith<N extends SettingName> = Config & {readonly [K in N]: NonNullable<Value<K>>};
