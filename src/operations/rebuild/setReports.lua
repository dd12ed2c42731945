--[[
  Replaces all counters and reports, or changes nothing (I19). Only in the layout `partitioned`.

  The new values are what the orders of all partitions add up to, at positions at which fences hold them. So the merged offsets become these
  positions, in the same step. Merges that the old holders still send are rejected, because their texts are gone.

  KEYS[1]  merged offsets: a hash, by partition
  ARGV     key prefix, layout of the read model, text of the lock of rebuilds, and a JSON array of:
           1  what the hash of merged offsets must contain: partitions, each with its text
           2  what it will contain, in the same form
           3  counters that change: products, each with its units as text
           4  orders, units and revenue in minor units, as texts
           then 'replace' if the layout of the read model may change, else nothing
           The new sorted sets are under the keys of the reports with `staging:` after the prefix. An absent one is empty.

  Returns  {'applied'}
           {'rejected'}             the merged offsets have changed; the caller reads the counters again
           {'lost', stored lock}    another process holds the lock, or no process does
           {'layout', stored layout}  the read model was built with other settings
           After the last three replies Redis is unchanged.
  Errors   'NOPERM this user has no permission to run <command> on <key>'; nothing was written
           Redis' own errors (WRONGTYPE, OOM, READONLY, ...); nothing was written
]]
local prefix = ARGV[1]
local before, after, counters, totals = unpack(cjson.decode(ARGV[4]))
local LOCK, LAYOUT, CHUNKS = prefix .. 'projector:rebuild', prefix .. 'projector:layout', prefix .. 'projector:chunks'
local TOTALS = prefix .. 'report:totals'

local lock = call('GET', LOCK) or ''
if lock ~= ARGV[3] then return {'lost', lock} end
local layout = call('GET', LAYOUT)
if layout and layout ~= ARGV[2] and ARGV[5] ~= 'replace' then return {'layout', layout} end
if call('HLEN', KEYS[1]) ~= #before / 2 then return {'rejected'} end
for i = 1, #before, 2 do
  if call('HGET', KEYS[1], before[i]) ~= before[i + 1] then return {'rejected'} end
end

if redis.acl_check_cmd then
  local counter, report, staged = prefix .. 'product:0:sold', prefix .. 'report:users', prefix .. 'staging:report:users'
  local needed = {
    {'HINCRBY', CHUNKS, 'begun', '1'}, {'HSET', CHUNKS, 'finished', '1'}, {'EXISTS', staged}, {'RENAME', staged, report},
    {'DEL', report}, {'MSET', counter, '1'}, {'DEL', TOTALS}, {'HSET', TOTALS, 'orders', '1'}, {'SET', LAYOUT, ''},
    {'DEL', KEYS[1]}, {'HSET', KEYS[1], '0', '0'},
  }
  for _, command in ipairs(needed) do
    if not redis.acl_check_cmd(unpack(command)) then
      return redis.error_reply('NOPERM this user has no permission to run ' .. command[1] .. ' on ' .. command[2])
    end
  end
end

-- The first write. If Redis accepts no writes (OOM, READONLY, ...), it fails, and nothing has changed (I5).
local begun = call('HINCRBY', CHUNKS, 'begun', '1')
for _, report in ipairs({'report:products', 'report:users'}) do
  local staged = prefix .. 'staging:' .. report
  if call('EXISTS', staged) == 1 then call('RENAME', staged, prefix .. report) else call('DEL', prefix .. report) end
end
local sets = {}
for i = 1, #counters, 2 do
  sets[i], sets[i + 1] = prefix .. 'product:' .. counters[i] .. ':sold', counters[i + 1]
end
for from, to in slices(sets) do call('MSET', unpack(sets, from, to)) end
call('DEL', TOTALS)
call('HSET', TOTALS, 'orders', totals[1], 'units', totals[2], 'revenue', totals[3])
call('SET', LAYOUT, ARGV[2])
call('DEL', KEYS[1])
in_slices('HSET', KEYS[1], after)
call('HSET', CHUNKS, 'finished', string.format('%d', begun))
return {'applied'}
