/** Removes keys for a repair or a rebuild, while the text that protects them is stored. Pure. */
import type {Script} from '../clients/redis/client.js';

/**
 * Removes keys while a mark or a fence is stored. KEYS[1] is the key of that text. ARGV contains the text, then the keys to remove.
 * Returns the number of removed keys, or -1 if another text is stored.
 */
export const DISCARD_SCRIPT: Script = {
  name: 'projectorDiscard',
  lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local removed = 0
for i = 2, #ARGV, 1000 do removed = removed + redis.call('UNLINK', unpack(ARGV, i, math.min(i + 999, #ARGV))) end
return removed`,
};
