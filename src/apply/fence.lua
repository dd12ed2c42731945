--[[
  Sets a fence before every position of the live read model, for a time: nothing is applied there until it is over, or until
  the databases are swapped (I15). A fence of an earlier try is replaced, and keeps its position.

  KEYS[1]  lock of the rebuild
  ARGV     the lock's text, holder of the fence, milliseconds that it stands, then the keys of all positions

  Returns  {'fenced', the position text behind each fence ...}
           {'lost', the lock's text}   somebody else holds the lock, or nobody; nothing was written
]]
local lock = redis.call('GET', KEYS[1]) or ''
if lock ~= ARGV[1] then return {'lost', lock} end
local now = redis.call('TIME')
local until_ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) + tonumber(ARGV[3])
local reply = {'fenced'}
for i = 4, #ARGV do
  local stored = redis.call('GET', ARGV[i]) or ''
  local position = string.match(stored, '^fence %d+ %S+ ?(.*)$') or stored
  redis.call('SET', ARGV[i], string.format('fence %.0f %s %s', until_ms, ARGV[2], position))
  reply[#reply + 1] = position
end
return reply
