--[[
  Sets a fence in place of every position of the live read model, for a limited time (I15).

  While a fence is there, no worker applies anything. After the fence has expired, the next resume restores the position. A swap
  of the databases also ends the fences. If an earlier attempt has left a fence, this script replaces it and keeps its position.

  KEYS[1]  the lock that a rebuild or a repair holds
  ARGV     the text of the lock, holder of the fence, milliseconds until the fence expires, then the keys of all positions

  Returns  {'fenced', the position text that each fence replaces ...}
           {'lost', the stored text of the lock}   another process holds the lock, or no process does; nothing was written
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
