--[[
  Puts a position back in the place of the fence that stands for it (I15).

  KEYS[1]  position of (topic, partition)
  ARGV     the fence's text, as the caller has seen it; the holder that gives its fence up before its time, '' for nobody;
           position of partition 0 of that topic: its fence goes first, since whoever works behind fences looks at that one

  Returns  the text that is stored afterwards: the same fence while its time is not over, the position, or what else
           has been put there meanwhile
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
