/**
 * Faults of a Redis Cluster. A failover loses the newest writes of a node. Each fault ends when the replicas have all data again: if a
 * slot of orders and then the slot of the reports lose the same changes, the reports cannot be restored (docs/cluster.md).
 */
import {slotOf} from '../../src/clients/redis/hashSlot.js';
import type {RedisCluster} from '../native/redisCluster.js';
import type {Random} from '../random.js';
import {keyOf} from './chaosRedis.js';
import {seconds, type Family, type Fault, type Site} from './fault.js';
import {PARTITIONS} from './orderPartitions.js';

/** Keys that move together with a slot. Few, so that the slot is on two nodes for a while. */
const MOVED_TOGETHER = 40;

interface Action {
  readonly what: string;
  readonly run: (cluster: RedisCluster) => Promise<void>;
}

type Draw = (random: Random, wait: Site['wait']) => Action;

function onCluster(name: string, {family, weight}: {family: Family; weight: number}, draw: Draw): Fault {
  return {
    name,
    family,
    weight,
    draw: ({cluster, random, wait}) => {
      if (cluster === undefined) return undefined;
      const {what, run} = draw(random, wait);
      return {
        what,
        needs: ['redis'],
        run: async () => {
          await run(cluster);
          await cluster.settled();
        },
      };
    },
  };
}

/** The master of a slot that a worker writes: half of the time that of the reports. */
function drawSlot(random: Random): {readonly key: string; readonly name: string} {
  if (random.chance(0.5)) return {key: keyOf(undefined), name: 'the reports'};
  const partition = random.int(0, PARTITIONS - 1);
  return {key: keyOf(partition), name: `partition ${partition}`};
}

export const MASTER_KILLED = onCluster(
  'master SIGKILL, failover',
  {family: 'failovers', weight: 4},
  (random, wait) => {
    const {key, name} = drawSlot(random);
    const downMs = random.int(0, 4_000);
    return {
      what: `SIGKILL of the master with ${name}; its replica takes over, and it is restarted ${seconds(downMs)} later`,
      run: async (cluster) => {
        const master = await cluster.masterOf(key);
        await cluster.failover(master);
        await wait(downMs);
        await cluster.restart(master);
      },
    };
  },
);

const MASTER_RESTARTED = onCluster(
  'master SIGKILL, restarted',
  {family: 'kills', weight: 3},
  (random, wait) => {
    const {key, name} = drawSlot(random);
    // Around the node timeout: sometimes the replica takes over first.
    const downMs = random.int(0, 2_500);
    return {
      what: `SIGKILL of the master with ${name}; it is restarted ${seconds(downMs)} later`,
      run: async (cluster) => {
        const master = await cluster.masterOf(key);
        await cluster.kill(master);
        await wait(downMs);
        await cluster.restart(master);
      },
    };
  },
);

const ALL_KILLED = onCluster('all nodes SIGKILL', {family: 'kills', weight: 1}, (random, wait) => {
  const downMs = random.int(0, 3_000);
  return {
    what: `SIGKILL of all nodes; they are restarted ${seconds(downMs)} later`,
    run: async (cluster) => {
      await Promise.all(cluster.nodes.map(async (node) => await cluster.kill(node)));
      await wait(downMs);
      await Promise.all(cluster.nodes.map(async (node) => await cluster.restart(node)));
    },
  };
});

export const WRITES_LOST = onCluster(
  'failover with lost writes',
  {family: 'failovers', weight: 5},
  (random, wait) => {
    const {key, name} = drawSlot(random);
    const lostMs = random.int(500, 6_000);
    return {
      what: `the master with ${name} is killed, and its replica takes over without the writes of ${seconds(lostMs)}`,
      run: async (cluster) => {
        const master = await cluster.masterOf(key);
        const replica = await cluster.replicaOf(master);
        await cluster.detach(replica, master);
        await wait(lostMs);
        await cluster.kill(master);
        await cluster.becomesMaster(replica);
        await cluster.attach(replica);
        await cluster.restart(master);
      },
    };
  },
);

export const MASTER_FROZEN = onCluster(
  'master SIGSTOP, failover',
  {family: 'failovers', weight: 4},
  (random, wait) => {
    const {key, name} = drawSlot(random);
    const longerMs = random.int(0, 4_000);
    return {
      what: `SIGSTOP of the master with ${name} until ${seconds(longerMs)} after its replica has taken over`,
      run: async (cluster) => {
        const master = await cluster.masterOf(key);
        const replica = await cluster.replicaOf(master);
        cluster.freeze(master);
        await cluster.becomesMaster(replica);
        await wait(longerMs);
        cluster.thaw(master);
      },
    };
  },
);

const MASTER_PAUSED = onCluster('master SIGSTOP', {family: 'pauses', weight: 2}, (random, wait) => {
  const {key, name} = drawSlot(random);
  const pauseMs = random.int(100, 1_200);
  return {
    what: `SIGSTOP of the master with ${name} for ${seconds(pauseMs)}`,
    run: async (cluster) => {
      const master = await cluster.masterOf(key);
      cluster.freeze(master);
      await wait(pauseMs);
      cluster.thaw(master);
    },
  };
});

export const CUT_OFF = onCluster('master cut off', {family: 'failovers', weight: 5}, (random, wait) => {
  const {key, name} = drawSlot(random);
  const longerMs = random.int(0, 4_000);
  return {
    what: `the master with ${name} is cut off from the other nodes, but not from clients, until ${seconds(longerMs)} after its replica has taken over`,
    run: async (cluster) => {
      const master = await cluster.masterOf(key);
      const replica = await cluster.replicaOf(master);
      cluster.cutOff(master);
      await cluster.becomesMaster(replica);
      await wait(longerMs);
      cluster.rejoin(master);
    },
  };
});

const SWITCHED = onCluster('planned failover', {family: 'failovers', weight: 2}, (random) => {
  const {key, name} = drawSlot(random);
  return {
    what: `planned failover of the master with ${name}`,
    run: async (cluster) => {
      const replica = await cluster.replicaOf(await cluster.masterOf(key));
      await cluster.on(replica).call('CLUSTER', 'FAILOVER');
      await cluster.becomesMaster(replica);
    },
  };
});

export const SLOT_MOVED = onCluster('slot moved', {family: 'slot moves', weight: 5}, (random, wait) => {
  const {key, name} = drawSlot(random);
  const dice = random.next();
  const pauseMs = random.int(0, 60);
  return {
    what: `the slot of ${name} moves to another node, with ${pauseMs} ms between each ${MOVED_TOGETHER} keys`,
    run: async (cluster) => {
      const slot = slotOf(key);
      const from = await cluster.masterOf(key);
      const others = (await cluster.masters()).filter((node) => node !== from);
      const to = others[Math.floor(dice * others.length)]!;
      await cluster.beginMigration(slot, {from, to});
      for (;;) {
        const keys = await cluster.on(from).cluster('GETKEYSINSLOT', slot, MOVED_TOGETHER);
        if (keys.length === 0) break;
        await cluster.moveKeys(slot, {from, to}, keys);
        await wait(pauseMs);
      }
      await cluster.endMigration(slot, {from, to});
    },
  };
});

/** Only a node without the reports: after their keys are deleted, workers halt with `reports-lost`. */
export const NODE_FLUSHED = onCluster('FLUSHALL of a node', {family: 'roll-backs', weight: 1.5}, (random) => {
  const dice = random.next();
  return {
    what: 'FLUSHALL of a master without the reports',
    run: async (cluster) => {
      const reports = await cluster.masterOf(keyOf(undefined));
      const others = (await cluster.masters()).filter((node) => node !== reports);
      await cluster.on(others[Math.floor(dice * others.length)]!).flushall();
    },
  };
});

const SCRIPTS_FLUSHED = onCluster('SCRIPT FLUSH', {family: 'roll-backs', weight: 1}, () => ({
  what: 'SCRIPT FLUSH at all nodes',
  run: async (cluster) => {
    for (const node of cluster.nodes) await cluster.on(node).script('FLUSH');
  },
}));

/** A period in which a master rejects writes. */
function refusal(name: string, [setting, value]: readonly [string, string]): Fault {
  return onCluster(`master returns ${name}`, {family: 'refusals', weight: 1}, (random, wait) => {
    const slot = drawSlot(random);
    const lastsMs = random.int(500, 8_000);
    return {
      what: `the master with ${slot.name} returns ${name} for ${seconds(lastsMs)}`,
      run: async (cluster) => {
        const redis = cluster.on(await cluster.masterOf(slot.key));
        await redis.config('SET', setting, value);
        await wait(lastsMs);
        await redis.config('SET', setting, '0');
      },
    };
  });
}

export const CLUSTER_FAULTS: readonly Fault[] = [
  MASTER_KILLED,
  MASTER_RESTARTED,
  ALL_KILLED,
  WRITES_LOST,
  MASTER_FROZEN,
  MASTER_PAUSED,
  CUT_OFF,
  SWITCHED,
  SLOT_MOVED,
  NODE_FLUSHED,
  SCRIPTS_FLUSHED,
  refusal('OOM', ['maxmemory', '1']),
  refusal('NOREPLICAS', ['min-replicas-to-write', '2']),
];
