--[[
  Adds entries of outboxes to the counters and reports, or does nothing (I18). Only in the layout `partitioned` (docs/cluster.md).

  The hash of merged offsets contains 'OFFSET HOLDER' for each partition: the offset up to which the reports contain its changes, and the
  worker that merges it. The script compares these texts as apply.lua compares a position, and moves them in the same step as the sums.

  KEYS[1]  merged offsets: a hash, by partition
  ARGV     key prefix, layout of the read model, and a JSON array of:
           1  partitions, each: number, expected text, new text
           2  products, each with the difference of its units
           3  users, each with the difference of its minor units
           4  orders, units, minor units as a multiple of 10^8 and the rest

  Returns  {'applied'}
           {'rejected', partition, stored text}  another worker merges that partition, or this slot has lost its newest writes
           {'layout', stored layout}             the read model was built with other settings
           After the last two replies Redis is unchanged.
  Errors   as apply.lua
]]
local prefix = ARGV[1]
local moves, products_flat, users_flat, totals = unpack(cjson.decode(ARGV[3]))
local LAYOUT, CHUNKS = prefix .. 'projector:layout', prefix .. 'projector:chunks'

local is_first = true
for i = 1, #moves, 3 do
  local stored = call('HGET', KEYS[1], moves[i]) or ''
  if stored ~= moves[i + 1] then return {'rejected', moves[i], stored} end
  if string.sub(stored, 1, 2) ~= '0 ' then is_first = false end
end
local layout = call('GET', LAYOUT)
if layout and layout ~= ARGV[2] then return {'layout', layout} end

local failed = check_types(report_types(prefix))
if failed then return failed end
-- The first merge writes totals and layout. If one of them is missing later, only a part of the data was restored.
failed = check_totals(prefix .. 'report:totals', layout)
if failed then return failed end
if not layout and not is_first then return corrupt(LAYOUT, 'is missing, although Redis holds a position') end
failed = check_chunks(CHUNKS)
if failed then return failed end
local missing = missing_merge_right(prefix, KEYS[1])
if missing then return redis.error_reply(missing) end

local function unzipped(flat)
  local members, deltas = {}, {}
  for i = 1, #flat, 2 do
    members[(i + 1) / 2], deltas[(i + 1) / 2] = flat[i], flat[i + 1]
  end
  return members, deltas
end
local failure, products = plan_products(prefix, unzipped(products_flat))
if failure then return failure end
local users = plan_users(prefix, unzipped(users_flat))

-- The first write. If Redis accepts no writes (OOM, READONLY, ...), it fails, and nothing has changed (I5).
local begun = pcall_('HINCRBY', CHUNKS, 'begun', '1')
if type(begun) == 'table' then return begun end
write_sums(prefix, products, users, totals)
if not layout then call('SET', LAYOUT, ARGV[2]) end
for i = 1, #moves, 3 do call('HSET', KEYS[1], moves[i], moves[i + 2]) end
call('HSET', CHUNKS, 'finished', text(begun))
return {'applied'}
