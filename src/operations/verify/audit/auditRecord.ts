/**
 * The state of the audit in Redis (redis-model/audit.ts). Only the process that holds the lease can write it, so a frozen process that
 * continues after it lost the lease changes nothing.
 */
import type {Script} from '../../../clients/redis/client.js';
import {
  AUDIT_FIELDS,
  readAudit,
  type AuditKeys,
  type AuditPass,
  type AuditProgress,
  type AuditState,
} from '../../../redis-model/audit.js';
import {ProjectorError} from '../../../runtime/errors.js';

/** What the record uses of the Redis client (clients/redis/client.ts). */
export interface RecordHost {
  hash(key: string): Promise<Readonly<Record<string, string>>>;
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
}

/**
 * Sets fields while a lease is held. KEYS[1] is the lease. ARGV contains its text, the key of the hash, then each field and its value; ''
 * removes the field. Returns the stored text of the lease.
 */
export const RECORD_SCRIPT: Script = {
  name: 'projectorAuditRecord',
  lua: `
local held = redis.call('GET', KEYS[1]) or ''
if held ~= ARGV[1] then return held end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', ARGV[2], ARGV[i])
  else redis.call('HSET', ARGV[2], ARGV[i], ARGV[i + 1]) end
end
return held`,
};

export class AuditRecord {
  readonly #redis: RecordHost;
  readonly #keys: AuditKeys;

  constructor(redis: RecordHost, keys: AuditKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async read(): Promise<AuditState> {
    return await readAudit(this.#redis, this.#keys);
  }

  async save(lease: string, progress: AuditProgress): Promise<void> {
    await this.#write(lease, [AUDIT_FIELDS.current, JSON.stringify(progress)]);
  }

  /** Replaces the pass that is under way by its result. It answers the request that was there when the pass began. */
  async finish(lease: string, pass: AuditPass, requested: string): Promise<void> {
    await this.#write(lease, [
      ...[AUDIT_FIELDS.last, JSON.stringify(pass)],
      ...[AUDIT_FIELDS.answered, requested],
      ...[AUDIT_FIELDS.current, ''],
    ]);
  }

  /** Rejects with `rebuild-lost` if another process holds the lease, or none does. */
  async #write(lease: string, fields: readonly string[]): Promise<void> {
    const {audit, auditLease} = this.#keys;
    const held = String(await this.#redis.run(RECORD_SCRIPT, auditLease, [lease, audit, ...fields]));
    if (held === lease) return;
    throw new ProjectorError('rebuild-lost', `the lease ${auditLease} of this audit has expired`);
  }
}
