/** What a fault is: drawn by weight, if the present state allows it, and run from its first moment to its last. */
import type {Redis} from 'ioredis';
import type {Random} from '../random.js';
import type {Stack} from '../stack.js';
import type {TcpProxy} from '../tcpProxy.js';
import type {Backups} from './backups.js';
import type {Fleet} from './fleet.js';
import type {BadRecords} from './badRecords.js';
import type {ConnectorRest} from './connectorRest.js';

/** For the verdict: what was done to the system, in few words. */
export const FAMILIES = [
  'kills',
  'stops',
  'pauses',
  'cuts',
  'slow lines',
  'roll-backs',
  'refusals',
  'rebalances',
  'bad records',
] as const;
export type Family = (typeof FAMILIES)[number];

/** All that a fault may touch. */
export interface Site {
  readonly random: Random;
  readonly stack: Stack;
  readonly fleet: Fleet;
  /** Straight to Redis, past every proxy. */
  readonly redis: Redis;
  /** The way of some workers to Kafka, where the stack has a detour. */
  readonly kafkaLine: TcpProxy | undefined;
  /** Native stacks only. */
  readonly backups: Backups | undefined;
  readonly badRecords: BadRecords;
  readonly connector: ConnectorRest;
  /** How long a fault lasts; cut short when the faults are to end. */
  readonly wait: (ms: number) => Promise<void>;
}

/** One fault with all its dice thrown. */
export interface Injection {
  readonly what: string;
  /** Held while it runs; faults that need the same thing do not overlap. */
  readonly needs: readonly string[];
  /** Resolves when the fault is over: everything is there again, though not yet caught up. */
  readonly run: () => Promise<void>;
}

export interface Fault {
  readonly name: string;
  readonly family: Family;
  readonly weight: number;
  /** Undefined when the present state does not allow it. Throws no dice after it has returned. */
  readonly draw: (site: Site) => Injection | undefined;
}

/** In the text of a fault. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
