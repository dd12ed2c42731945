/** Faults of Redis: lost or old data, and periods in which it rejects writes. */
import type {Redis} from 'ioredis';
import {seconds, type Fault} from './fault.js';

export const ROLL_BACK: Fault = {
  name: 'Redis rolled back',
  family: 'roll-backs',
  weight: 5,
  draw: ({random, stack, backups}) => {
    if (backups === undefined || backups.kept.length === 0) return undefined;
    const backup = random.pick(backups.kept);
    const how = random.pick(['killed', 'stopped'] as const);
    return {
      what: `Redis is ${how} and restarted with the ${backup.kind} that was taken at ${seconds(backup.takenMs)}`,
      needs: ['redis'],
      run: async () => {
        if (how === 'killed') await stack.killServer('redis');
        else await stack.stopServer('redis');
        backups.putBack(backup);
        await stack.startServer('redis');
      },
    };
  },
};

export const FLUSH: Fault = {
  name: 'FLUSHALL',
  family: 'roll-backs',
  weight: 1.5,
  draw: ({redis}) => ({
    what: 'FLUSHALL',
    needs: ['redis'],
    run: async () => {
      await redis.flushall();
    },
  }),
};

const SCRIPT_FLUSH: Fault = {
  name: 'SCRIPT FLUSH',
  family: 'roll-backs',
  weight: 1,
  draw: ({redis}) => ({
    what: 'SCRIPT FLUSH',
    needs: ['redis'],
    run: async () => {
      await redis.script('FLUSH');
    },
  }),
};

/** A period in which Redis rejects writes with the error OOM, READONLY or NOREPLICAS. */
function refusal(
  name: string,
  begin: (redis: Redis) => Promise<unknown>,
  end: (redis: Redis) => Promise<unknown>,
): Fault {
  return {
    name: `Redis returns ${name}`,
    family: 'refusals',
    weight: 1,
    draw: ({random, redis, wait}) => {
      const lastsMs = random.int(500, 8_000);
      return {
        what: `Redis returns ${name} for ${seconds(lastsMs)}`,
        needs: ['redis'],
        run: async () => {
          await begin(redis);
          await wait(lastsMs);
          await end(redis);
        },
      };
    },
  };
}

export const REDIS_FAULTS: readonly Fault[] = [
  ROLL_BACK,
  FLUSH,
  SCRIPT_FLUSH,
  refusal(
    'OOM',
    async (redis) => await redis.config('SET', 'maxmemory', '1'),
    async (redis) => await redis.config('SET', 'maxmemory', '0'),
  ),
  refusal(
    'NOREPLICAS',
    async (redis) => await redis.config('SET', 'min-replicas-to-write', '1'),
    async (redis) => await redis.config('SET', 'min-replicas-to-write', '0'),
  ),
  // Redis becomes the replica of a port without a listener. It then keeps its data and rejects writes.
  refusal(
    'READONLY',
    async (redis) => await redis.replicaof('127.0.0.1', 1),
    async (redis) => await redis.replicaof('NO', 'ONE'),
  ),
];
