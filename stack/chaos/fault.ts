/** The interface of a fault. It is drawn by weight if the current state allows it, and then injected and ended by `run`. */
import type {Redis} from 'ioredis';
import type {RedisCluster} from '../native/redisCluster.js';
import type {Random} from '../random.js';
import type {Stack} from '../stack.js';
import type {TcpProxy} from '../tcpProxy.js';
import type {Auditor} from './auditor.js';
import type {Backups} from './backups.js';
import type {Fleet} from './fleet.js';
import type {BadRecords} from './badRecords.js';
import type {ConnectorRest} from './connectorRest.js';

/** The kinds of faults, for the counts in the verdict. */
export const FAMILIES = [
  'kills',
  'stops',
  'pauses',
  'cuts',
  'failovers',
  'slot moves',
  'slow links',
  'roll-backs',
  'refusals',
  'rebalances',
  'bad records',
] as const;
export type Family = (typeof FAMILIES)[number];

/** Everything that a fault may act on. */
export interface Site {
  readonly random: Random;
  readonly stack: Stack;
  readonly fleet: Fleet;
  readonly auditor: Auditor;
  /** A direct connection to Redis, without a proxy. */
  readonly redis: Redis;
  /** Undefined if the read model is on one Redis. */
  readonly cluster: RedisCluster | undefined;
  /** The proxy between some workers and Kafka. Undefined if the stack has no second Kafka listener. */
  readonly kafkaLine: TcpProxy | undefined;
  /** Native stacks only. */
  readonly backups: Backups | undefined;
  readonly badRecords: BadRecords;
  readonly connector: ConnectorRest;
  /** Waits for the duration of a fault. Returns early when the faults must end. */
  readonly wait: (ms: number) => Promise<void>;
}

/** One fault with all its random choices made. */
export interface Injection {
  readonly what: string;
  /** Resources that the fault holds while it runs. Faults with a common resource never overlap. */
  readonly needs: readonly string[];
  /** Resolves when the fault has ended: all servers and workers run again, but may still have a backlog. */
  readonly run: () => Promise<void>;
}

export interface Fault {
  readonly name: string;
  readonly family: Family;
  readonly weight: number;
  /** Undefined if the current state does not allow the fault. All random choices are made before it returns. */
  readonly draw: (site: Site) => Injection | undefined;
}

/** A duration for the description of a fault. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
