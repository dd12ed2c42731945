/** Faults of the worker processes. */
import {MERGE_FAILPOINTS} from '../../src/runtime/failpoints.js';
import {seconds, type Fault, type Site} from './fault.js';
import {HOSTS_MAX, SESSION_TIMEOUT_MS, type Host} from './fleet.js';

/** Points at which the worker kills itself. Those around the offset commit are reached a few times per second. */
const FAILPOINTS = [
  'after-fetch',
  'after-decode',
  'before-apply',
  'script-in-flight',
  'after-apply',
  'offset-commit-in-flight',
  'after-offset-commit',
] as const;
const FAILPOINT_WAIT_MS = 20_000;

export const WORKER_KILL: Fault = {
  name: 'worker SIGKILL',
  family: 'kills',
  weight: 10,
  draw: (site) => {
    const host = someManned(site);
    if (host === undefined) return undefined;
    const pauseMs = site.random.chance(0.5) ? 0 : site.random.int(100, 3_000);
    return {
      what: `SIGKILL of the worker on host ${host.number}; a new one starts after ${seconds(pauseMs)}`,
      needs: [nameOf(host)],
      run: async () => {
        await site.fleet.end(host, 'SIGKILL');
        await site.wait(pauseMs);
        site.fleet.start(host);
      },
    };
  },
};

const WORKER_KILL_ALL: Fault = {
  name: 'all workers SIGKILL',
  family: 'kills',
  weight: 2,
  draw: ({fleet}) => {
    const hosts = fleet.manned;
    return {
      what: `SIGKILL of all ${hosts.length} workers; new ones start at once`,
      needs: hosts.map(nameOf),
      run: async () => {
        await Promise.all(hosts.map(async (host) => await fleet.end(host, 'SIGKILL')));
        for (const host of hosts) fleet.start(host);
      },
    };
  },
};

const WORKER_FAILPOINT: Fault = {
  name: 'worker killed at failpoint',
  family: 'kills',
  weight: 5,
  draw: (site) => {
    const {random, fleet, cluster} = site;
    const host = someManned(site);
    if (host === undefined) return undefined;
    const names = cluster === undefined ? FAILPOINTS : [...FAILPOINTS, ...MERGE_FAILPOINTS];
    const failpoint = `${random.pick(names)}:kill@${random.int(1, 40)}`;
    return {
      what: `the worker on host ${host.number} is replaced by one with the failpoint ${failpoint}`,
      needs: [nameOf(host)],
      run: async () => {
        await fleet.end(host, 'SIGKILL');
        const {exited} = fleet.start(host, {PROJECTOR_FAILPOINT: failpoint});
        // A worker without partitions never reaches the failpoint, so the wait is limited.
        await Promise.race([exited, site.wait(FAILPOINT_WAIT_MS)]);
        await fleet.end(host, 'SIGKILL');
        fleet.start(host);
      },
    };
  },
};

/** Freezes a worker. If the freeze is longer than its session, other workers get its partitions. */
const freeze = (name: string, weight: number, [minMs, maxMs]: readonly [number, number]): Fault => ({
  name,
  family: 'pauses',
  weight,
  draw: (site) => {
    const {random, fleet} = site;
    const host = someManned(site);
    if (host === undefined) return undefined;
    const pauseMs = random.int(minMs, maxMs);
    const isKilled = random.chance(0.15);
    return {
      what: `SIGSTOP of the worker on host ${host.number} for ${seconds(pauseMs)}, then SIG${isKilled ? 'KILL' : 'CONT'}`,
      needs: [nameOf(host)],
      run: async () => {
        const {worker} = host;
        worker?.send('SIGSTOP');
        await site.wait(pauseMs);
        if (!isKilled) worker?.send('SIGCONT');
        else {
          await fleet.end(host, 'SIGKILL');
          fleet.start(host);
        }
      },
    };
  },
});

export const WORKER_ZOMBIE = freeze('worker frozen past session', 5, [
  SESSION_TIMEOUT_MS + 1_000,
  SESSION_TIMEOUT_MS + 9_000,
]);
const WORKER_DOZE = freeze('worker frozen', 2, [100, SESSION_TIMEOUT_MS - 1_000]);

const WORKER_STOP: Fault = {
  name: 'worker SIGTERM',
  family: 'stops',
  weight: 3,
  draw: (site) => {
    const host = someManned(site);
    if (host === undefined) return undefined;
    return {
      what: `SIGTERM to the worker on host ${host.number}; a new one starts afterwards`,
      needs: [nameOf(host)],
      run: async () => {
        await site.fleet.end(host, 'SIGTERM');
        site.fleet.start(host);
      },
    };
  },
};

const WORKER_ADD: Fault = {
  name: 'worker added',
  family: 'rebalances',
  weight: 2,
  draw: ({fleet, random}) => {
    if (fleet.empty.length === 0) return undefined;
    const host = random.pick(fleet.empty);
    return {
      what: `a worker is added on host ${host.number}`,
      needs: [nameOf(host)],
      run: () => {
        fleet.start(host);
        return Promise.resolve();
      },
    };
  },
};

const WORKER_REMOVE: Fault = {
  name: 'worker removed',
  family: 'rebalances',
  weight: 2,
  draw: (site) => {
    const {fleet, random} = site;
    // At least one worker must stay.
    if (fleet.manned.length < 2) return undefined;
    const host = someManned(site);
    if (host === undefined) return undefined;
    const signal = random.pick(['SIGTERM', 'SIGKILL'] as const);
    return {
      what: `the worker on host ${host.number} is removed with ${signal}`,
      // Two concurrent removals could remove the last two workers, so both need this resource.
      needs: [nameOf(host), 'the number of workers'],
      run: async () => await fleet.end(host, signal),
    };
  },
};

export const AUDIT_KILL: Fault = {
  name: 'audit SIGKILL',
  family: 'kills',
  weight: 3,
  draw: ({auditor}) => ({
    what: 'SIGKILL of the audit; a new one starts at once',
    needs: ['audit'],
    run: async () => {
      await auditor.end('SIGKILL');
      auditor.start();
    },
  }),
};

export const WORKER_FAULTS: readonly Fault[] = [
  AUDIT_KILL,
  WORKER_KILL,
  WORKER_KILL_ALL,
  WORKER_FAILPOINT,
  WORKER_ZOMBIE,
  WORKER_DOZE,
  WORKER_STOP,
  WORKER_ADD,
  WORKER_REMOVE,
];

/** A random host that has a worker. Undefined if no host has one. */
function someManned({fleet, random}: Site): Host | undefined {
  const {manned} = fleet;
  return manned.length === 0 || manned.length > HOSTS_MAX ? undefined : random.pick(manned);
}

function nameOf(host: Host): string {
  return `host ${host.number}`;
}
