--[[
  Makes one worker the only one that merges a partition, and returns the offset at which its merges begin (I18).

  The text of the merged offset contains its holder. So after this script, merge.lua rejects each merge that an earlier holder still sends.

  KEYS[1]  merged offsets (merge.lua)
  ARGV     partition, new holder, key prefix, layout of the read model

  Returns  {'taken', merged offset}, '0' if nothing was merged
           {'layout', stored layout}  the read model was built with other settings; nothing was written
  Errors   'CORRUPT <key> <what is wrong>'; nothing was written
]]
local layout = redis.call('GET', ARGV[3] .. 'projector:layout')
if layout and layout ~= ARGV[4] then return {'layout', layout} end
-- The first merge writes layout and hash. If only the hash is missing, a merge from offset 0 would count all entries a second time.
if layout and redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('CORRUPT ' .. KEYS[1] .. ' is missing, although Redis holds reports')
end
local offset = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^%d+') or '0'
redis.call('HSET', KEYS[1], ARGV[1], offset .. ' ' .. ARGV[2])
return {'taken', offset}
