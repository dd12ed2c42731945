/** A change in MySQL that writes no row event, as a finding (silentChanges.ts). */
export type SilentChangeKind =
  | 'foreign-keys'
  | 'items-on-delete'
  | 'engines'
  | 'partitions'
  | 'generated-columns'
  | 'binlog-sessions'
  | 'prepared-transactions'
  | 'semi-sync';

export interface SilentChange {
  readonly kind: SilentChangeKind;
  /** What can go wrong, and in which rows. It contains no values, users or hosts. */
  readonly what: string;
  /** One or more sentences. AUDIT applies in addition. */
  readonly fix: string;
}

/** Belongs to every fix, and is printed once for all of them. */
export const AUDIT = '`projector audit --repair` finds and repairs such rows within one pass.';
