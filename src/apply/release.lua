--[[
  Puts a position back in place of its fence (I15).

  KEYS[1]  position of (topic, partition)
  ARGV     the text of the fence, as the caller has read it;
           the holder, if it removes its own fence before the fence expires, else '';
           the key of the position of partition 0 of that topic (in the layout `partitioned` KEYS[1] itself: that key is in another slot). The script removes the fence of partition 0 first. A repair
           compares only that fence at each write, so its writes stop before a worker can apply a chunk.

  Returns  the text that is stored afterwards: the same fence if it has not expired, the position, or another text that was
           written in the meantime
]]
local stored = redis.call('GET', KEYS[1]) or ''
if stored ~= ARGV[1] then return stored end
local until_ms, holder, position = string.match(stored, '^fence (%d+) (%S+) ?(.*)$')
if not until_ms then return stored end
local now = redis.call('TIME')
local now_ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
if holder ~= ARGV[2] and now_ms < tonumber(until_ms) then return stored end
local function put_back(key, text)
  if text == '' then redis.call('DEL', key) else redis.call('SET', key, text) end
end
local first_until_ms, first_holder, first_position =
  string.match(redis.call('GET', ARGV[3]) or '', '^fence (%d+) (%S+) ?(.*)$')
if first_until_ms == until_ms and first_holder == holder then put_back(ARGV[3], first_position) end
put_back(KEYS[1], position)
return position
