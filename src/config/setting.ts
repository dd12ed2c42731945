/** One setting, as data. */
import type {Kind} from './valueTypes.js';

export interface Setting<T> {
  readonly env: string;
  readonly schema: Kind<T>;
  /** As it would be written in the environment; undefined means that the setting may be absent or must be given. */
  readonly default?: string;
  readonly example: string;
  readonly desc: string;
  readonly secret?: boolean;
  /** A text that one keeps in a file: `NAME_FILE` is the usual way, and the example a path. */
  readonly inFile?: boolean;
  /** On the first page of the manual. */
  readonly basic?: boolean;
}
