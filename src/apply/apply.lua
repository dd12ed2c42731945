--[[
  Applies one chunk of patches, or nothing (I1, I4, I5).

  Refused when the stored position is not the expected one: then another worker has moved it, Redis has lost writes,
  or this very chunk was applied and its reply was lost. The stored position, in the reply, tells which.

  First everything is read and worked out, then everything is written: an error while reading leaves no trace. Of the
  writes only the first one can fail (a Redis that takes no writes now). A call of Redis costs more than what it does, so
  keys of one kind are read and written together.

  The first write raises the number of chunks begun by one, the last one sets the number finished to what that made: always
  the same. Redis may repeat a chunk, or its beginning: when its append-only file was torn within one and it starts for the
  second time after that (it keeps the open MULTI in the file, and the next one falls into it). What is raised is then raised
  twice, what is set is not, and the two differ for ever.

  KEYS[1]  position of (topic, partition)
  ARGV     expected position ('' = none stored), new position, key prefix, layout of the read model,
           and the chunk, as a JSON array of these parts (one argument is read faster than some thousands; units, minor units and
           numbers of texts are numbers, all else is text):
           1  names of the extra columns
           2  products whose counter must exist, each with the units that the created orders sold
           3  users, each with the minor units that they spent on the created orders
           4  units, minor units and number of the created orders, which are probably not there yet
           5  these orders, each: order id, user id, total amount, per extra column '+text' or '-' (NULL), items_count, items,
              lines as they stand in Redis: 'line id:product_id:quantity;...', by line id
           6  records to quarantine, each: name, entry
           7  names of quarantined records that are settled by these patches
           8  number of other patches
           9  these patches, each:
              order id
              row: 'keep' | 'upsert' | 'replace' | 'clear'
                   (replace and clear forget the order and its lines first; clear leaves no row)
              for upsert and replace: user id, total amount, then per extra column '+text' or '-' (NULL)
              number of texts that follow, then each line: line id, 'product_id:quantity' or '' (deleted)
  Ids, amounts and positions are text and stay text: a Lua number rounds beyond 2^53 (I8). Quantities have at most 10 digits and
  amounts 12 (checked by decode/), so the sums of one chunk stay far below 2^53.

  Returns  {'applied', number of patches}
           {'refused', stored position}
           {'layout', stored layout}             the read model was made with other settings
           {'spoiled', order id, what is wrong}  something else wrote to the keys of this order
           In the last three nothing was written.
  Errors   'CORRUPT <key>: <what is wrong>'   nothing was written; so it is with Redis' own (WRONGTYPE, OOM, READONLY, ...)
           'NOPERM <command> on <key>'        a right was taken from this user; nothing was written
]]
local KEYS, ARGV, call, pcall_ = KEYS, ARGV, redis.call, redis.pcall

local stored = call('GET', KEYS[1]) or ''
if stored ~= ARGV[1] then return {'refused', stored} end

local prefix = ARGV[3]
local extra_names, products_named, created_spent, created_sums, created, quarantined, settled, patch_count, patches =
  unpack(cjson.decode(ARGV[5]))

local PRODUCTS, USERS, TOTALS = prefix .. 'report:products', prefix .. 'report:users', prefix .. 'report:totals'
local QUARANTINE, LAYOUT = prefix .. 'projector:quarantine', prefix .. 'projector:layout'
local CHUNKS = prefix .. 'projector:chunks'

local function corrupt(key, what) return redis.error_reply('CORRUPT ' .. key .. ': ' .. what) end

-- Data made with other settings must not be mixed with ours (I13).
local layout = call('GET', LAYOUT)
if layout and layout ~= ARGV[4] then return {'layout', layout} end

-- A foreign type under a shared key must be noticed before anything is written.
for key, want in pairs({[PRODUCTS] = 'zset', [USERS] = 'zset', [TOTALS] = 'hash', [QUARANTINE] = 'hash'}) do
  local kind = call('TYPE', key).ok
  if kind ~= 'none' and kind ~= want then return corrupt(key, 'is a ' .. kind .. ', not a ' .. want) end
end
local totals = call('HMGET', TOTALS, 'orders', 'units', 'revenue')
-- Every chunk writes totals and layout together with its position: a position without them came back alone.
if stored ~= '' and not totals[1] then return corrupt(TOTALS, 'is missing beside a position') end
if stored ~= '' and not layout then return corrupt(LAYOUT, 'is missing beside a position') end
local function is_whole(number)
  return number == '0' or #number <= 17 and string.find(number, '^%-?[1-9]%d*$')
end
for _, total in ipairs(totals) do
  if total and not is_whole(total) then return corrupt(TOTALS, 'holds a field that is no whole number') end
end
local chunks = call('HMGET', CHUNKS, 'begun', 'finished')
if chunks[1] ~= chunks[2] then return corrupt(CHUNKS, 'tells of a chunk that Redis repeated') end
if chunks[1] and not is_whole(chunks[1]) then return corrupt(CHUNKS, 'holds a field that is no whole number') end
