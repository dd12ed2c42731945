/** A Redis Cluster and a bench for workers on it, for the tests of one `describe`. */
import {RedisCluster} from '../../stack/native/redisCluster.js';
import {WorkerBench} from './workerBench.js';

const START_TIMEOUT_MS = 60_000;

export interface ClusterBench {
  readonly cluster: RedisCluster;
  readonly bench: WorkerBench;
}

/** Opens both before the tests and closes them after the tests. The tests call `bench.reset` between them. */
export function useClusterBench(): ClusterBench {
  let opened: ClusterBench | undefined;
  const existing = (): ClusterBench => {
    if (opened === undefined) throw new Error('the cluster is open only during a test');
    return opened;
  };
  beforeAll(async () => {
    const cluster = await RedisCluster.open();
    const settings = {isPartitioned: true, clusterNodes: cluster.places};
    opened = {cluster, bench: await WorkerBench.open(0, cluster.url, settings)};
  }, START_TIMEOUT_MS);
  afterAll(async () => {
    await opened?.bench.close();
    await opened?.cluster.close();
  });
  return {
    get cluster() {
      return existing().cluster;
    },
    get bench() {
      return existing().bench;
    },
  };
}
