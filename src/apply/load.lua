--[[
  Writes orders into a read model that has no readers and no other writer (operations/rebuild/baseWriter.ts). It reads no order, and it writes
  no counter and no report. The caller adds up what these orders contribute, and writes the sums with apply.lua.

  The script can run again with the same orders: the result is the same. It compares the position, so a late script of an earlier run
  writes nothing (C4).

  KEYS[1]  position of partition 0
  ARGV     expected position, key prefix, and the orders, as a JSON array: names of the extra columns, number of orders, and their texts
           (apply.lua, part 5 of the chunk)

  Returns  {'loaded'}
           {'rejected', stored position}  another position is stored, or the layout is gone; nothing was written
  Errors   'CORRUPT <key> <what is wrong>'; nothing was written
           Redis' own errors (OOM, READONLY, ...); nothing was written
]]
local stored = call('GET', KEYS[1]) or ''
local prefix = ARGV[2]
-- A staging database that is being discarded loses its layout first, so that it accepts no chunk after that (C4).
if stored ~= ARGV[1] or call('EXISTS', prefix .. 'projector:layout') == 0 then return {'rejected', stored} end

local extra_names, count, created = unpack(cjson.decode(ARGV[3]))
local chunks = prefix .. 'projector:chunks'

local counts = call('HMGET', chunks, 'begun', 'finished')
if counts[1] ~= counts[2] then return redis.error_reply('CORRUPT ' .. chunks .. ' shows that Redis has executed a chunk or a part of it twice') end
-- The chunk is counted as apply.lua counts its chunks. If Redis accepts no writes (OOM, READONLY, ...), this fails first.
local begun = call('HINCRBY', chunks, 'begun', '1')
write_created(extra_names, created, keys_of_created(prefix, extra_names, created, count))
call('HSET', chunks, 'finished', string.format('%d', begun))
return {'loaded'}
