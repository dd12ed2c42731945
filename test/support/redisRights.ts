/** The ACL rules of the Redis users in deploy/acl. */
import {readFileSync} from 'node:fs';

export type RedisUser = 'projector' | 'operator' | 'reports';

/** The rules of one user in redis.acl, with this password. */
export function redisRules(password: string, user: RedisUser = 'projector'): string[] {
  return rulesIn('deploy/acl/redis.acl', user, password);
}

/** The rules of one user in redis-cluster.acl, with this password, for the keys of REDIS_KEY_PREFIX. */
export function clusterRules(password: string, user: RedisUser, keyPrefix: string): string[] {
  const rules = rulesIn('deploy/acl/redis-cluster.acl', user, password);
  return rules.map((rule) => rule.replace(/^~\{shop(?=[:}])/, `~{${keyPrefix.replace(/:$/, '')}`));
}

function rulesIn(file: string, user: RedisUser, password: string): string[] {
  const rules = new RegExp(`^user ${user} (.+)$`, 'm').exec(readFileSync(file, 'utf8'))?.[1];
  if (rules === undefined) throw new Error(`${file} has no user ${user}`);
  return rules.split(' ').map((rule) => (rule.startsWith('>') ? `>${password}` : rule));
}
