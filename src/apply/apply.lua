--[[
  Applies one chunk of patches, or nothing (I1, I4, I5).

  Refused when the stored position is not the expected one: then another worker has moved it, Redis has lost writes,
  or this very chunk was applied and its reply was lost. The stored position, in the reply, tells which.

  First everything is read and worked out, then everything is written: an error while reading leaves no trace. Of the
  writes only the first one can fail (a Redis that takes no writes now), and INCRBY (a foreign value under a counter's key);
  what they did is then taken back.

  The first write raises the number of chunks begun by one, the last one sets the number finished to what that made: always
  the same. Redis may repeat a chunk, or its beginning: when its append-only file was torn within one and it starts for the
  second time after that (it keeps the open MULTI in the file, and the next one falls into it). What is raised is then raised
  twice, what is set is not, and the two differ for ever.

  KEYS[1]  position of (topic, partition)
  ARGV     expected position ('' = none stored), new position, key prefix, layout of the read model,
           number of extra columns, their names,
           number of products whose counter must exist, their ids,
           number of records to quarantine, then each: name, entry
           number of quarantined records that are settled by these patches, their names,
           number of patches, then each patch:
             order id
             row: 'keep' | 'upsert' | 'replace' | 'clear'
                  (replace and clear forget the order and its lines first; clear leaves no row)
             for upsert and replace: user id, total amount, then per extra column '+text' or '-' (NULL)
             number of lines, then each: line id, 'product_id:quantity' or '' (deleted)
  All arguments are text and stay text where they may be large: a Lua number rounds beyond 2^53 (I8). Quantities have at
  most 10 digits and amounts 12 (checked by decode/), so the sums of one chunk stay far below 2^53.

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
local at = 5
local function take()
  local value = ARGV[at]
  at = at + 1
  return value
end
local function take_list()
  local list = {}
  for i = 1, tonumber(take()) do list[i] = take() end
  return list
end
local extra_names = take_list()
local seen_products = take_list()
local quarantined = {}
for i = 1, 2 * tonumber(take()) do quarantined[i] = take() end
local settled = take_list()
local patch_count = tonumber(take())

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
  return number == '0' or #number <= 17 and string.match(number, '^%-?[1-9]%d*$')
end
for _, total in ipairs(totals) do
  if total and not is_whole(total) then return corrupt(TOTALS, 'holds a field that is no whole number') end
end
local chunks = call('HMGET', CHUNKS, 'begun', 'finished')
if chunks[1] ~= chunks[2] then return corrupt(CHUNKS, 'tells of a chunk that Redis repeated') end
if chunks[1] and not is_whole(chunks[1]) then return corrupt(CHUNKS, 'holds a field that is no whole number') end

-- Sums of differences, by member.
local units, spent = {}, {}
local orders_delta, units_delta, revenue_delta = 0, 0, 0
local function add(sums, member, delta) sums[member] = (sums[member] or 0) + delta end
-- Strict, where tonumber would also take `nan`, `1e9` and `0x10`; and short enough to be summed exactly.
local DIGITS_MAX = 15
local function minor_units(amount)
  local whole, decimals = string.match(amount, '^(%-?%d+)%.?(%d*)$')
  if not whole or #whole + #decimals > DIGITS_MAX then return nil end
  return tonumber(whole .. decimals)
end

local function count_lines(lines, sign)
  for _, line in pairs(lines) do
    local product, quantity = string.match(line, '^(%-?%d+):(%-?%d+)$')
    if not product or #quantity > DIGITS_MAX then return false end
    local count = sign * tonumber(quantity)
    add(units, product, count)
    units_delta = units_delta + count
  end
  return true
end
local function count_order(user, amount, sign)
  local cents = minor_units(amount)
  if not cents then return false end
  add(spent, user, sign * cents)
  revenue_delta = revenue_delta + sign * cents
  orders_delta = orders_delta + sign
  return true
end

-- Order of ids by number, for texts of any length.
local function by_id(a, b)
  local a_negative, b_negative = string.byte(a) == 45, string.byte(b) == 45
  if a_negative ~= b_negative then return a_negative end
  if a_negative then a, b = b, a end
  if #a ~= #b then return #a < #b end
  return a < b
end
local function items_text(lines)
  local ids = {}
  for id in pairs(lines) do ids[#ids + 1] = id end
  if #ids > 1 then table.sort(ids, by_id) end
  local texts = {}
  for i = 1, #ids do
    local product, quantity = string.match(lines[ids[i]], '^(.-):(.*)$')
    texts[i] = 'product_id:' .. product .. ',quantity:' .. quantity
  end
  return #ids, table.concat(texts, ';')
end

local writes = {}
-- Keys of one order that hold something else spoil that order alone; the caller sets its records aside.
local function spoiled(id, key, what) return {'spoiled', id, key .. ' ' .. what} end
local function is_wrong_type(reply) return reply.err and string.find(reply.err, 'WRONGTYPE', 1, true) end

for p = 1, patch_count do
  local id, mode = take(), take()
  local order_key, lines_key = prefix .. 'order:' .. id, prefix .. 'order_lines:' .. id

  local before = pcall_('HMGET', order_key, 'user_id', 'total_amount')
  if is_wrong_type(before) then return spoiled(id, order_key, 'is no hash') end
  if before.err then return before end
  local user_before, amount_before = before[1], before[2]
  local existed = user_before and amount_before
  if not existed and (user_before or amount_before) then return spoiled(id, order_key, 'lacks user_id or total_amount') end
  local flat = pcall_('HGETALL', lines_key)
  if is_wrong_type(flat) then return spoiled(id, lines_key, 'is no hash') end
  if flat.err then return flat end
  local lines = {}
  for i = 1, #flat, 2 do lines[flat[i]] = flat[i + 1] end
  if existed then
    if not count_lines(lines, -1) then return spoiled(id, lines_key, 'holds a line that cannot be read') end
    if not count_order(user_before, amount_before, -1) then return spoiled(id, order_key, 'holds an amount that cannot be read') end
  end

  local reset = mode == 'replace' or mode == 'clear'
  if reset then lines = {} end
  local exists = existed and not reset
  local write = {order_key = order_key, lines_key = lines_key, reset = reset, set_lines = {}, delete_lines = {}, delete_fields = {}}
  local user, amount = user_before, amount_before
  local fields = {}
  if mode == 'upsert' or mode == 'replace' then
    exists = true
    user, amount = take(), take()
    fields = {'id', id, 'user_id', user, 'total_amount', amount}
    for i = 1, #extra_names do
      local value = take()
      if string.byte(value) == 43 then
        fields[#fields + 1] = extra_names[i]
        fields[#fields + 1] = string.sub(value, 2)
      else
        write.delete_fields[#write.delete_fields + 1] = extra_names[i]
      end
    end
  end

  for _ = 1, tonumber(take()) do
    local line_id, line = take(), take()
    if line == '' then
      if lines[line_id] then
        lines[line_id] = nil
        write.delete_lines[#write.delete_lines + 1] = line_id
      end
    elseif lines[line_id] ~= line then
      lines[line_id] = line
      local set = write.set_lines
      set[#set + 1] = line_id
      set[#set + 1] = line
    end
  end

  if exists then
    if not count_lines(lines, 1) then return spoiled(id, lines_key, 'holds a line that cannot be read') end
    if not count_order(user, amount, 1) then return spoiled(id, order_key, 'would hold an amount that cannot be read') end
    local items_count, items = items_text(lines)
    fields[#fields + 1] = 'items_count'
    fields[#fields + 1] = string.format('%d', items_count)
    fields[#fields + 1] = 'items'
    fields[#fields + 1] = items
    write.fields = fields
  end
  writes[p] = write
end

local function text(number) return string.format('%.0f', number) end

local missing = missing_right(KEYS[1], prefix)
if missing then return redis.error_reply(missing) end

-- A product that some line names gets its counter even at 0: whether it exists must not depend on where the log was cut (I7).
for i = 1, #seen_products do add(units, seen_products[i], 0) end
local seen = {}
for i = 1, #seen_products do seen[seen_products[i]] = true end
local counters, deltas = {}, {}
for product, delta in pairs(units) do
  if delta ~= 0 or seen[product] then
    counters[#counters + 1] = prefix .. 'product:' .. product .. ':sold'
    deltas[#deltas + 1] = text(delta)
  end
end
-- Which of them are new: to take back the first count of a product means to delete its counter.
local existing, is_new = 0, {}
for i = 1, #counters, 1000 do existing = existing + call('EXISTS', unpack(counters, i, math.min(i + 999, #counters))) end
if existing < #counters then
  for i = 1, #counters do is_new[i] = call('EXISTS', counters[i]) == 0 end
end
-- 1. The chunk begins. A Redis that takes no writes now (OOM, READONLY, ...) says so here.
local begun = pcall_('HINCRBY', CHUNKS, 'begun', '1')
if type(begun) == 'table' then return begun end
local function not_begun()
  if chunks[1] then call('HINCRBY', CHUNKS, 'begun', '-1') else call('DEL', CHUNKS) end
end

-- 2. Counters: they can fail too, so they come next and can be taken back.
for i = 1, #counters do
  local reply = pcall_('INCRBY', counters[i], deltas[i])
  if type(reply) == 'table' then
    for done = 1, i - 1 do
      if is_new[done] then call('DEL', counters[done]) else call('DECRBY', counters[done], deltas[done]) end
    end
    not_begun()
    for _, foreign in ipairs({'WRONGTYPE', 'not an integer', 'overflow'}) do
      if string.find(reply.err, foreign, 1, true) then
        return corrupt(counters[i], 'is no whole number that can be counted on')
      end
    end
    return reply
  end
end

-- 3. Reports. Members at 0 are removed: then the sets are a function of the rows alone. The totals always exist.
local function raise(key, sums)
  for member, delta in pairs(sums) do
    if delta ~= 0 and tonumber(call('ZINCRBY', key, text(delta), member)) == 0 then call('ZREM', key, member) end
  end
end
raise(PRODUCTS, units)
raise(USERS, spent)
call('HINCRBY', TOTALS, 'orders', text(orders_delta))
call('HINCRBY', TOTALS, 'units', text(units_delta))
call('HINCRBY', TOTALS, 'revenue', text(revenue_delta))

-- 4. Orders and their lines. Long lists go in slices: unpack has a limit, and failing here would leave half a chunk.
local function in_slices(command, key, list)
  for i = 1, #list, 1000 do call(command, key, unpack(list, i, math.min(i + 999, #list))) end
end
for p = 1, patch_count do
  local write = writes[p]
  if write.reset then call('DEL', write.order_key, write.lines_key) end
  in_slices('HDEL', write.lines_key, write.delete_lines)
  in_slices('HSET', write.lines_key, write.set_lines)
  if write.fields then call('HSET', write.order_key, unpack(write.fields)) end
  if #write.delete_fields > 0 and not write.reset then call('HDEL', write.order_key, unpack(write.delete_fields)) end
end

-- 5. Records that are set aside, or settled by these patches.
in_slices('HDEL', QUARANTINE, settled)
in_slices('HSET', QUARANTINE, quarantined)

-- 6. The position, in the same atomic step.
if not layout then call('SET', LAYOUT, ARGV[4]) end
call('SET', KEYS[1], ARGV[2])
call('HSET', CHUNKS, 'finished', text(begun))
return {'applied', patch_count}
