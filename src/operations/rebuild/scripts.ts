/**
 * The scripts of a rebuild: lock, mark and swap.
 *
 * Each script that changes something compares a lock or a mark first. A process that was frozen can send its script late.
 * Then the lock or the mark differs, and the script changes nothing (C4).
 *
 * Pure, except that the file of the swap script is read once when this module loads.
 */
import type {Script} from '../../clients/redis/client.js';
import {readScript} from '../../apply/luaScript.js';

export const SWAP_SCRIPT: Script = {
  name: 'projectorSwap',
  lua: readScript(new URL('./swap.lua', import.meta.url)),
};

/** One step of the cutover in the layout `partitioned`. One script of two files. */
export const ADOPT_SCRIPT: Script = {
  name: 'projectorAdopt',
  lua: ['../../apply/lists.lua', './adopt.lua']
    .map((name) => readScript(new URL(name, import.meta.url)))
    .join('\n'),
};

/** One script of two files. */
export const SET_REPORTS_SCRIPT: Script = {
  name: 'projectorSetReports',
  lua: ['../../apply/lists.lua', './setReports.lua']
    .map((name) => readScript(new URL(name, import.meta.url)))
    .join('\n'),
};

/**
 * Adds scores to a sorted set that nobody reads yet, while the lock stands. Without scores it removes the set. KEYS[1] is the lock. ARGV contains
 * its text, the key, and scores with their members. Returns the stored text of the lock. If it is another text, nothing was written.
 */
export const STAGE_SCORES_SCRIPT: Script = {
  name: 'projectorStageScores',
  lua: `
local lock = redis.call('GET', KEYS[1]) or ''
if lock ~= ARGV[1] then return lock end
if #ARGV == 2 then redis.call('DEL', ARGV[2]) else redis.call('ZADD', ARGV[2], unpack(ARGV, 3)) end
return lock`,
};

/**
 * Takes a lock. KEYS[1] is the lock. ARGV contains its text and the lease in milliseconds. Returns the text of the lock after
 * the call.
 */
export const LOCK_SCRIPT: Script = {
  name: 'projectorLock',
  lua: `
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`,
};

/**
 * Renews a lock if it still has this text. KEYS[1] is the lock. ARGV contains the text and the lease in milliseconds. Returns
 * the stored text, or '' if there is none.
 */
export const RENEW_SCRIPT: Script = {
  name: 'projectorRenew',
  lua: `
local held = redis.call('GET', KEYS[1]) or ''
if held == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return held`,
};

/** Writes a copy of a lock. KEYS[1] is its key. ARGV contains the text and the lease in milliseconds. */
export const COPY_SCRIPT: Script = {
  name: 'projectorCopy',
  lua: `
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`,
};

/**
 * Replaces a text; '' means no text. KEYS[1] is its key. ARGV contains the expected text and the new one. Returns the stored
 * text after the call.
 */
export const EXCHANGE_SCRIPT: Script = {
  name: 'projectorExchange',
  lua: `
local stored = redis.call('GET', KEYS[1]) or ''
if stored ~= ARGV[1] then return stored end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return ARGV[2]`,
};

/**
 * Checks the rights for a rebuild with a cutover. Fails with NOPERM and the name of the first command that is not allowed.
 * KEYS[1] is the lock. ARGV contains the numbers of both databases.
 */
export const CUTOVER_RIGHTS_SCRIPT: Script = {
  name: 'projectorCutoverRights',
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

/**
 * The same for the layout `partitioned`, which swaps nothing. KEYS[1] is a key of the slot. ARGV contains the live prefix and the staging prefix.
 */
export const ADOPT_RIGHTS_SCRIPT: Script = {
  name: 'projectorAdoptRights',
  lua: `
if not redis.acl_check_cmd then return 'ok' end
local lock, order, staged = ARGV[1] .. 'projector:rebuild', ARGV[1] .. 'order:0', ARGV[2] .. 'order:0'
local needed = {
  {'GET', lock}, {'SET', lock, ''}, {'DEL', lock}, {'PEXPIRE', lock, '1'}, {'TIME'}, {'SCAN', '0'},
  {'EXISTS', staged}, {'UNLINK', order}, {'UNLINK', staged}, {'RENAME', staged, order},
}
for _, command in ipairs(needed) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user has no permission to run ' .. command[1] .. ' on ' .. (command[2] or 'the server'))
  end
end
return 'ok'`,
};

/**
 * Finds keys that have the name of a key of the read model, but not its content. KEYS[1] is not used. ARGV contains the keys, each followed by
 * the type that it must have and, for an order, its id.
 */
export const FOREIGN_SCRIPT: Script = {
  name: 'projectorForeign',
  lua: `
local foreign = {}
for i = 1, #ARGV, 3 do
  local key, kind, id = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local found = redis.call('TYPE', key).ok
  local is_ours = found == 'none' or found == kind
  if found == 'hash' and is_ours then is_ours = redis.call('HGET', key, 'id') == id end
  if found == 'string' and is_ours and id ~= '' then is_ours = string.find(redis.call('GET', key), '^%-?%d+$') ~= nil end
  if not is_ours then foreign[#foreign + 1] = key end
end
return foreign`,
};
