--[[
  Puts a position back in the place of the fence that stands for it (I15).

  KEYS[1]  position of (topic, partition)
  ARGV     the fence's text, as the caller has seen it; the holder that gives its fence up before its time, '' for nobody

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
if position == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], position) end
return position
