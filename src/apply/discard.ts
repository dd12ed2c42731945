/** Removes keys for a repair or a rebuild, while the text that protects them stands. Pure. */
import type {Script} from '../clients/redis/client.js';

/** Removes keys while a text (a mark, a fence) stands: KEYS[1] is its key; ARGV the text, then the keys. Returns how many, or -1. */
export const DISCARD_SCRIPT: Script = {
  name: 'projectorDiscard',
  lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local removed = 0
for i = 2, #ARGV do removed = removed + redis.call('UNLINK', ARGV[i]) end
return removed`,
};
