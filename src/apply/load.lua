--[[
  Writes orders into a read model that has no readers and no other writer (operations/rebuild/initialLoad.ts). It reads no order, and it writes
  no counter and no report. The caller adds up what these orders contribute, and writes the sums with apply.lua.

  The script can run again with the same orders: the result is the same. It compares the position, so a late script of an earlier run
  writes nothing (C4).

  KEYS[1]  position of partition 0
  ARGV     expected position, key prefix, and the orders, as a JSON array: names of the extra columns, number of orders, and their texts
           (apply.lua, part 5 of the chunk)

  Returns  {'loaded'}
           {'rejected', stored position}  nothing was written
  Errors   Redis' own errors (OOM, READONLY, ...); nothing was written
]]
local KEYS, ARGV, call = KEYS, ARGV, redis.call

local stored = call('GET', KEYS[1]) or ''
if stored ~= ARGV[1] then return {'rejected', stored} end

local prefix = ARGV[2]
local extra_names, count, created = unpack(cjson.decode(ARGV[3]))
local chunks = prefix .. 'projector:chunks'

-- The chunk is counted as apply.lua counts its chunks. If Redis accepts no writes (OOM, READONLY, ...), this fails first.
local begun = call('HINCRBY', chunks, 'begun', '1')
write_created(extra_names, created, keys_of_created(prefix, extra_names, created, count))
call('HSET', chunks, 'finished', string.format('%d', begun))
return {'loaded'}
