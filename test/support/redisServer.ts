/** A separate Redis process for a test. */
export {
  clusterArgs,
  OwnRedis,
  tlsPortArgs,
  whyNoOwnRedis,
  type StartOptions,
} from '../../stack/native/ownRedis.js';
