/**
 * The scripts of a rebuild. What they have in common: each compares a lock or a mark first, so one that comes late, from a
 * process that was frozen meanwhile, changes nothing (C4).
 *
 * Pure but for reading the scripts' files once at load.
 */
import type {Script} from '../../clients/redis/client.js';
import {readScript} from '../../apply/luaScript.js';

export const SWAP_SCRIPT: Script = {
  name: 'projectorSwap',
  lua: readScript(new URL('./swap.lua', import.meta.url)),
};

/** Takes a lock: KEYS[1]; ARGV is its text, and milliseconds. Returns the text of whoever holds it then. */
export const LOCK_SCRIPT: Script = {
  name: 'projectorLock',
  lua: `
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`,
};

/** Renews a lock that is still ours: KEYS[1]; ARGV is its text, and milliseconds. Returns what is stored. */
export const RENEW_SCRIPT: Script = {
  name: 'projectorRenew',
  lua: `
local held = redis.call('GET', KEYS[1]) or ''
if held == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return held`,
};

/** Replaces a text, '' for none: KEYS[1]; ARGV is the text expected and the new one. Returns what is stored then. */
export const EXCHANGE_SCRIPT: Script = {
  name: 'projectorExchange',
  lua: `
local stored = redis.call('GET', KEYS[1]) or ''
if stored ~= ARGV[1] then return stored end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return ARGV[2]`,
};

/** Fails with NOPERM where a right is missing that the scripts above need: KEYS[1] is the lock; ARGV both databases. */
export const HANDOVER_RIGHTS_SCRIPT: Script = {
  name: 'projectorHandoverRights',
  lua: `
if not redis.acl_check_cmd then return 'ok' end
local needed = {
  {'GET', KEYS[1]}, {'SET', KEYS[1], ''}, {'DEL', KEYS[1]}, {'UNLINK', KEYS[1]}, {'PTTL', KEYS[1]}, {'PEXPIRE', KEYS[1], '1'},
  {'TIME'}, {'SCAN', '0'}, {'SELECT', ARGV[2]}, {'SWAPDB', ARGV[1], ARGV[2]},
}
for _, command in ipairs(needed) do
  if not redis.acl_check_cmd(unpack(command)) then return redis.error_reply('NOPERM ' .. command[1]) end
end
return 'ok'`,
};
