/** A Redis Cluster for a test. */
export {RedisCluster, type Move} from '../../stack/native/redisCluster.js';
