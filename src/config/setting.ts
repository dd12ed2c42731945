/** The form of one setting, as data. */
import type {Kind} from './valueTypes.js';

export interface Setting<T> {
  readonly env: string;
  readonly schema: Kind<T>;
  /** The text has the form of the environment. Undefined means that the setting is optional, or that some commands require it. */
  readonly default?: string;
  readonly example: string;
  readonly desc: string;
  readonly secret?: boolean;
  /** True if `NAME_FILE` is the usual form, because the value is a text of several lines. Then `example` is a path. */
  readonly inFile?: boolean;
  /** True for a basic setting. The help shows the options of basic settings by default, and `projector config` lists them first. */
  readonly basic?: boolean;
}
