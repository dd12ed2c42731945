--[[
  Sets a fence in place of every position of the live read model, for a limited time (I15).

  While a fence is there, no worker applies anything. After the fence has expired, the next resume restores the position. A swap
  of the databases also ends the fences. If an earlier attempt has left a fence, this script replaces it and keeps its position.

  In the layout `partitioned`, the lock and the other positions are in other slots. Then ARGV[1] is '', KEYS[1] and the only key in ARGV are the
  position, and a fence of another process that has not expired takes the place of the lock.

  KEYS[1]  the lock that a rebuild or a repair holds
  ARGV     the text of the lock, holder of the fence, milliseconds until the fence expires, then the keys of all positions

  Returns  {'fenced', the position text that each fence replaces ...}
           {'lost', the stored text of the lock}   another process holds the lock, or no process does; nothing was written
           {'lost', the stored fence}              of another process
]]
local now = redis.call('TIME')
local now_ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
local until_ms = now_ms + tonumber(ARGV[3])
local guard = redis.call('GET', KEYS[1]) or ''
if ARGV[1] == '' then
  local other_until_ms, other = string.match(guard, '^fence (%d+) (%S+)')
  if other and other ~= ARGV[2] and now_ms < tonumber(other_until_ms) then return {'lost', guard} end
elseif guard ~= ARGV[1] then
  return {'lost', guard}
end
local reply = {'fenced'}
for i = 4, #ARGV do
  local stored = redis.call('GET', ARGV[i]) or ''
  local position = string.match(stored, '^fence %d+ %S+ ?(.*)$') or stored
  redis.call('SET', ARGV[i], string.format('fence %.0f %s %s', until_ms, ARGV[2], position))
  reply[#reply + 1] = position
end
return reply
