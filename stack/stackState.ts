/**
 * The state of one stack, in the file `state.json` in its folder. It has one writer at a time: first the launcher, which
 * holds the stack's lock, then the supervisor, which runs the servers.
 */
import {mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {z} from 'zod';
import {stackFolder, stacksFolder} from './folders.js';

export const SERVER_NAMES = ['mysql', 'kafka', 'connect', 'redis'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

/** Actions on one server of a running stack. They keep its data, port and settings. */
export const SERVER_ACTIONS = ['kill', 'stop', 'start', 'pause', 'resume'] as const;
export type ServerAction = (typeof SERVER_ACTIONS)[number];

/** How the stack offers Redis: one server, for either layout of the keys, or a Redis Cluster. */
export const REDIS_KINDS = ['single', 'partitioned', 'cluster'] as const;
export type RedisKind = (typeof REDIS_KINDS)[number];

const identitySchema = z.object({pid: z.number(), startTicks: z.string().optional()});
const portsSchema = z.object({
  mysql: z.number(),
  kafka: z.number(),
  connect: z.number(),
  redis: z.number(),
});

/** Undefined in stacks that were started by a version without other kinds. */
const redisKindSchema = z.enum(REDIS_KINDS).optional();

/** The nodes of a Redis Cluster. `ports.redis` is the port of the first one, and `servers.redis` its process. */
const clusterSchema = z.object({
  nodes: z.array(z.object({port: z.number(), bus: z.number()})),
  processes: z.array(identitySchema),
});

/**
 * A second listener of Kafka for tests with a proxy. The broker listens on `target` but advertises `listen`, so a test
 * must open a proxy from `listen` to `target`.
 */
const detourSchema = z.object({listen: z.number(), target: z.number()});

const installSchema = z.object({
  java: z.string(),
  kafkaFolder: z.string(),
  pluginsFolder: z.string(),
  mysqlFolder: z.string(),
  mysqlLibraryPath: z.string(),
  redisServer: z.string(),
  redisCli: z.string(),
  redisLibraryPath: z.string(),
});

const nativeSchema = z.object({
  mode: z.literal('native'),
  name: z.string(),
  phase: z.enum(['starting', 'ready', 'failed']),
  /** The supervisor process. Undefined until the launcher has started it. */
  keeper: identitySchema.optional(),
  owner: identitySchema.optional(),
  ports: portsSchema,
  controllerPort: z.number(),
  /** Undefined in stacks that were started by a version without the second listener. */
  kafkaDetour: detourSchema.optional(),
  redisKind: redisKindSchema,
  cluster: clusterSchema.optional(),
  hasQuickConnect: z.boolean().optional(),
  install: installSchema,
  servers: z.partialRecord(z.enum(SERVER_NAMES), identitySchema),
});

const dockerSchema = z.object({
  mode: z.literal('docker'),
  name: z.string(),
  phase: z.enum(['starting', 'ready']),
  ports: portsSchema,
  redisKind: redisKindSchema,
  owner: identitySchema.optional(),
  watcher: identitySchema.optional(),
});

const stateSchema = z.discriminatedUnion('mode', [nativeSchema, dockerSchema]);

export type Install = z.infer<typeof installSchema>;
export type NativeState = z.infer<typeof nativeSchema>;
export type DockerState = z.infer<typeof dockerSchema>;
export type StackState = z.infer<typeof stateSchema>;

export function readState(name: string): StackState | undefined {
  let text: string;
  try {
    text = readFileSync(join(stackFolder(name), 'state.json'), 'utf8');
  } catch {
    return undefined;
  }
  return stateSchema.parse(JSON.parse(text));
}

export function writeState(state: StackState): void {
  const folder = stackFolder(state.name);
  mkdirSync(folder, {recursive: true});
  const file = join(folder, 'state.json');
  // The rename is atomic, so a reader sees the old state or the new state, never a part of one.
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export function removeStackFolder(name: string): void {
  rmSync(stackFolder(name), {recursive: true, force: true, maxRetries: 5, retryDelay: 100});
}

export function stackNames(): string[] {
  try {
    return readdirSync(stacksFolder()).filter((name) => readState(name) !== undefined);
  } catch {
    return [];
  }
}

/** Every port of every stack. Ports of stopped servers count too, because a server restarts on the same port. */
export function portsOfStacks(): Set<number> {
  const ports = new Set<number>();
  for (const name of stackNames()) {
    const state = readState(name);
    for (const port of Object.values(state?.ports ?? {})) ports.add(port);
    if (state?.mode !== 'native') continue;
    for (const port of [state.controllerPort, ...Object.values(state.kafkaDetour ?? {})]) ports.add(port);
    for (const node of state.cluster?.nodes ?? []) ports.add(node.port).add(node.bus);
  }
  return ports;
}
