/**
 * How a repair writes counters and reports (repair.ts).
 *
 * In the layout `single` such a write compares the fence of a position. In `partitioned`, the sums are in another slot than the positions. There
 * it compares the merged offsets: they must be the positions in the fences. Then the sums contain exactly what the orders do, and no merge can
 * come in between, because all of them would move these offsets (I18).
 */
import {offsetIn} from '../../apply/reportFeed.js';
import type {Script} from '../../clients/redis/client.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {Clock} from '../../runtime/lifecycle.js';
import type {Finding} from './finding.js';

/** What each write compares before it changes something. */
export interface SumGuard {
  readonly script: Script;
  readonly key: string;
  readonly text: string;
}

/**
 * Sets one value if it is still the one that was found. If the key is absent or holds another type, the script sets the value without this
 * comparison.
 *
 * ARGV     what the guard compares; 'string', 'zset' or 'hash'; key; member or field; found value; expected value ('' for absent)
 *
 * Returns  1 if the value was set, 0 if it has changed, -1 if the guard differs
 */
const SET = `
local text, kind, key, member, found, expected = unpack(ARGV)
if guarded() ~= text then return -1 end
local type = redis.call('TYPE', key).ok
if type ~= 'none' and type ~= kind then redis.call('DEL', key) end
if kind == 'string' then
  if type == kind and redis.call('GET', key) ~= found then return 0 end
  redis.call('SET', key, expected == '' and '0' or expected)
elseif kind == 'zset' then
  if type == kind and tonumber(redis.call('ZSCORE', key, member) or '0') ~= tonumber(found == '' and '0' or found) then return 0 end
  if expected == '' then redis.call('ZREM', key, member) else redis.call('ZADD', key, expected, member) end
else
  if type == kind and (redis.call('HGET', key, member) or '') ~= found then return 0 end
  redis.call('HSET', key, member, expected)
end
return 1`;

/** KEYS[1] is the position of a partition, and ARGV[1] the text of its fence. */
export const SET_FENCED_SCRIPT: Script = {
  name: 'projectorRepairSet',
  lua: `local function guarded() return redis.call('GET', KEYS[1]) end${SET}`,
};

/** KEYS[1] is the hash of merged offsets, and ARGV[1] the offsets of the partitions from 0, separated by blanks. */
const SET_MERGED_SCRIPT: Script = {
  name: 'projectorRepairSetMerged',
  lua: `
local function guarded()
  local offsets = {}
  for _ in string.gmatch(ARGV[1], '%d+') do
    local text = redis.call('HGET', KEYS[1], tostring(#offsets)) or '0'
    offsets[#offsets + 1] = string.match(text, '^%d+')
  end
  return table.concat(offsets, ' ')
end${SET}`,
};

/** How long workers may take to merge what they had applied before the fences. Usually it takes less than 0.1 s. */
const MERGE_WAIT_MS = 4_000;
const ASK_AGAIN_MS = 20;

export interface MergedHost {
  hash(key: string): Promise<Readonly<Record<string, string>>>;
}

/**
 * Resolves when counters and reports contain all orders at these positions, which fences hold. Rejects with `repair-refused` if no worker
 * merges what is missing.
 */
export async function mergedGuard(
  redis: MergedHost,
  {
    key,
    positions,
    clock,
  }: {readonly key: string; readonly positions: readonly string[]; readonly clock: Clock},
): Promise<SumGuard> {
  const text = positions.map((position) => offsetIn(position)).join(' ');
  const lastMs = clock.nowMs() + MERGE_WAIT_MS;
  for (;;) {
    const merged = await redis.hash(key);
    const offsets = positions.map((_, partition) => /^\d+/.exec(merged[partition] ?? '')?.[0] ?? '0');
    if (offsets.join(' ') === text) return {script: SET_MERGED_SCRIPT, key, text};
    if (clock.nowMs() >= lastMs)
      throw new ProjectorError(
        'repair-refused',
        `counters and reports do not contain all orders yet (${key}): no worker merges them, or they wait for a replay`,
      );
    await clock.sleep(ASK_AGAIN_MS);
  }
}

const SUM_KIND = {'counter-differs': 'string', 'score-differs': 'zset', 'total-differs': 'hash'} as const;

/** The arguments of the script that follow the guard. Undefined if the finding is not about a sum. */
export function setArguments({kind, key, field, found, expected}: Finding): string[] | undefined {
  if (kind !== 'counter-differs' && kind !== 'score-differs' && kind !== 'total-differs') return undefined;
  return [SUM_KIND[kind], key, field ?? '', found ?? '', expected ?? ''];
}
