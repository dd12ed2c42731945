/** Where a client sends its commands: to one server (connection.ts), or to the masters of a Redis Cluster (clusterConnection.ts). */
import type {ChainableCommander, Redis} from 'ioredis';

/** Sends one command, before it first waits for anything. */
export type Command<T> = (redis: Redis) => Promise<T>;

/** The connections of one client. Every method rejects with a ProjectorError. */
export interface Route {
  /** The address without user and password, for messages. */
  readonly address: string;
  /** How many times a connection was established. */
  readonly made: number;
  /** The number of masters that have slots, as far as they are known. It is 1 for a single server. */
  readonly shards: number;
  /** Rejects if the first attempt fails. Then ioredis retries in the background. */
  connect(): Promise<void>;
  /** Closes all connections immediately. Commands in flight reject. */
  close(): void;
  /** Sends a command to the server that has this key. */
  atKey<T>(key: string, command: Command<T>): Promise<T>;
  /** Runs a script that names this key. It can access other keys of the same slot. */
  runScript<T>(key: string, command: Command<T>): Promise<T>;
  /** Divides keys, by their indexes, into groups that one command can name. */
  groupsOf(keys: readonly string[]): readonly (readonly number[])[];
  /** The reply for each key, from one pipeline per server. Undefined if the key has another type. */
  each(
    keys: readonly string[],
    ask: (pipeline: ChainableCommander, key: string) => unknown,
  ): Promise<unknown[]>;
  /** The server that has this key now. */
  serverOf(key: string): Promise<PinnedServer>;
  /** All servers that have keys. */
  servers(): Promise<readonly PinnedServer[]>;
  /** The same, one after the other, for a listing of all keys. Throws `redis-unreachable` if the listing can lack keys. */
  unchangedServers(): AsyncGenerator<PinnedServer>;
}

/** One server, for several commands that must reach it over one connection. */
export interface PinnedServer {
  /** Without user and password, for messages. */
  readonly address: string;
  /** `host:port` of a node of a cluster. Otherwise the same as `address`. */
  readonly node: string;
  /** Rejects with `redis-unreachable` if the client has reconnected in between, or if the server has lost the key. */
  readonly ask: <T>(command: Command<T>) => Promise<T>;
}

/** The reply to a command of a pipeline. Undefined if the key has another type. Throws every other error. */
export function pipelineReply([error, reply]: readonly [Error | null, unknown]): unknown {
  if (error === null) return reply;
  if (error.message.startsWith('WRONGTYPE')) return undefined;
  throw error;
}
