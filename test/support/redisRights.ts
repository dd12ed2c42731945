/** The ACL rules of the Redis users in deploy/acl/redis.acl. */
import {readFileSync} from 'node:fs';

export type RedisUser = 'projector' | 'operator' | 'reports';

/** The rules of one user in the file, with this password. */
export function redisRules(password: string, user: RedisUser = 'projector'): string[] {
  const text = readFileSync('deploy/acl/redis.acl', 'utf8');
  const rules = new RegExp(`^user ${user} (.+)$`, 'm').exec(text)?.[1];
  if (rules === undefined) throw new Error(`deploy/acl/redis.acl has no user ${user}`);
  return rules.split(' ').map((rule) => (rule.startsWith('>') ? `>${password}` : rule));
}
