/** The settings of one program, read and checked: the types that follow from the table of settings. */
import type {SETTINGS} from './settings.js';
import type {Kind} from './valueTypes.js';

export type SettingName = keyof typeof SETTINGS;
type Value<N extends SettingName> = (typeof SETTINGS)[N]['schema'] extends Kind<infer T> ? T : never;
type HasDefault<N extends SettingName> = (typeof SETTINGS)[N] extends {default: string} ? N : never;
type NamesWithDefault = {[N in SettingName]: HasDefault<N>}[SettingName];
/** Settings with a default are always there, the others may be absent. */
export type Config = {readonly [N in NamesWithDefault]: Value<N>} & {
  readonly [N in Exclude<SettingName, NamesWithDefault>]: Value<N> | undefined;
};
export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration in which these settings are there. */
export type ConfigWith<N extends SettingName> = Config & {readonly [K in N]: NonNullable<Value<K>>};
