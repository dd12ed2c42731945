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
           number of extra columns, their names,
           number of products whose counter must exist, their ids,
           number of orders that are probably not there yet, their ids,
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
local new_orders = take_list()
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
  return number == '0' or #number <= 17 and string.find(number, '^%-?[1-9]%d*$')
end
for _, total in ipairs(totals) do
  if total and not is_whole(total) then return corrupt(TOTALS, 'holds a field that is no whole number') end
end
local chunks = call('HMGET', CHUNKS, 'begun', 'finished')
if chunks[1] ~= chunks[2] then return corrupt(CHUNKS, 'tells of a chunk that Redis repeated') end
if chunks[1] and not is_whole(chunks[1]) then return corrupt(CHUNKS, 'holds a field that is no whole number') end

-- Long lists go in slices: unpack has a limit, and failing at it while writing would leave half a chunk.
local SLICE = 1000
local function slices(list)
  local from = 1 - SLICE
  return function()
    from = from + SLICE
    if from <= #list then return from, math.min(from + SLICE - 1, #list) end
  end
end
local function count_existing(keys)
  local existing = 0
  for from, to in slices(keys) do existing = existing + call('EXISTS', unpack(keys, from, to)) end
  return existing
end
local function read_slices(command, keys, ...)
  local replies = {}
  for from, to in slices(keys) do
    local part = ... and call(command, ..., unpack(keys, from, to)) or call(command, unpack(keys, from, to))
    for i = 1, to - from + 1 do replies[from + i - 1] = part[i] end
  end
  return replies
end

-- Sums of differences, by member.
local units, spent = {}, {}
local orders_delta, units_delta, revenue_delta = 0, 0, 0
local function add(sums, member, delta) sums[member] = (sums[member] or 0) + delta end
-- Strict, where tonumber would also take `nan`, `1e9` and `0x10`; and short enough to be summed exactly.
local DIGITS_MAX = 15
local function minor_units(amount)
  local _, _, whole, decimals = string.find(amount, '^(%-?%d+)%.?(%d*)$')
  if not whole or #whole + #decimals > DIGITS_MAX then return nil end
  return tonumber(whole .. decimals)
end

-- Counts lines off or on, in the order of `ids`; fills `items`, where it is given, with what the order shows of them.
local function count_lines(lines, sign, ids, items)
  for i = 1, #ids do
    local _, _, product, quantity = string.find(lines[ids[i]], '^(%-?%d+):(%-?%d+)$')
    if not product or #quantity > DIGITS_MAX then return false end
    local count = sign * tonumber(quantity)
    units[product] = (units[product] or 0) + count
    units_delta = units_delta + count
    if items then items[i] = 'product_id:' .. product .. ',quantity:' .. quantity end
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
local writes = {}
-- Keys of one order that hold something else spoil that order alone; the caller sets its records aside.
local function spoiled(id, key, what) return {'spoiled', id, key .. ' ' .. what} end
local function is_wrong_type(reply) return reply.err and string.find(reply.err, 'WRONGTYPE', 1, true) end

-- What is not there need not be read, order by order.
local is_new, new_keys = {}, {}
for i = 1, #new_orders do
  new_keys[2 * i - 1] = prefix .. 'order:' .. new_orders[i]
  new_keys[2 * i] = prefix .. 'order_lines:' .. new_orders[i]
end
if count_existing(new_keys) == 0 then
  for i = 1, #new_orders do is_new[new_orders[i]] = true end
end

for p = 1, patch_count do
  local id, mode = take(), take()
  local order_key, lines_key = prefix .. 'order:' .. id, prefix .. 'order_lines:' .. id
  local reset = mode == 'replace' or mode == 'clear'
  local has_row = mode == 'upsert' or mode == 'replace'
  local row_at = at
  if has_row then at = at + 2 + #extra_names end
  local line_count = tonumber(take())

  local user_before, amount_before, existed
  if not is_new[id] then
    local before = pcall_('HMGET', order_key, 'user_id', 'total_amount')
    if is_wrong_type(before) then return spoiled(id, order_key, 'is no hash') end
    if before.err then return before end
    user_before, amount_before = before[1], before[2]
    existed = user_before and amount_before
    if not existed and (user_before or amount_before) then return spoiled(id, order_key, 'lacks user_id or total_amount') end
  end
  -- Lines that stay as they are need not be read: their order shows them already.
  local keeps_lines = existed and not reset and line_count == 0
  local lines, line_ids = {}, {}
  if not is_new[id] and not keeps_lines then
    local flat = pcall_('HGETALL', lines_key)
    if is_wrong_type(flat) then return spoiled(id, lines_key, 'is no hash') end
    if flat.err then return flat end
    for i = 1, #flat, 2 do
      line_ids[#line_ids + 1] = flat[i]
      lines[flat[i]] = flat[i + 1]
    end
  end
  if existed then
    if not count_lines(lines, -1, line_ids) then return spoiled(id, lines_key, 'holds a line that cannot be read') end
    if not count_order(user_before, amount_before, -1) then return spoiled(id, order_key, 'holds an amount that cannot be read') end
  end

  if reset then lines, line_ids = {}, {} end
  local exists = existed and not reset
  local write = {order_key = order_key, lines_key = lines_key, reset = reset and not is_new[id]}
  local user, amount = user_before, amount_before
  local fields
  if has_row then
    exists = true
    user, amount = ARGV[row_at], ARGV[row_at + 1]
    fields = {'id', id, 'user_id', user, 'total_amount', amount}
    for i = 1, #extra_names do
      local value = ARGV[row_at + 1 + i]
      if string.byte(value) == 43 then
        fields[#fields + 1] = extra_names[i]
        fields[#fields + 1] = string.sub(value, 2)
      elseif not reset and not is_new[id] then
        local gone = write.delete_fields or {}
        gone[#gone + 1] = extra_names[i]
        write.delete_fields = gone
      end
    end
  end

  local is_gap = false
  for _ = 1, line_count do
    local line_id, line = take(), take()
    local line_before = lines[line_id]
    if line == '' then
      if line_before then
        lines[line_id] = nil
        is_gap = true
        local gone = write.delete_lines or {}
        gone[#gone + 1] = line_id
        write.delete_lines = gone
      end
    elseif line_before ~= line then
      if not line_before then line_ids[#line_ids + 1] = line_id end
      lines[line_id] = line
      local set = write.set_lines or {}
      set[#set + 1] = line_id
      set[#set + 1] = line
      write.set_lines = set
    end
  end

  if exists then
    fields = fields or {}
    if not keeps_lines then
      if is_gap then
        line_ids = {}
        for line_id in pairs(lines) do line_ids[#line_ids + 1] = line_id end
      end
      if #line_ids > 1 then table.sort(line_ids, by_id) end
      local items = {}
      if not count_lines(lines, 1, line_ids, items) then return spoiled(id, lines_key, 'holds a line that cannot be read') end
      local at_end = #fields
      fields[at_end + 1] = 'items_count'
      fields[at_end + 2] = string.format('%d', #line_ids)
      fields[at_end + 3] = 'items'
      fields[at_end + 4] = table.concat(items, ';')
    end
    if not count_order(user, amount, 1) then return spoiled(id, order_key, 'would hold an amount that cannot be read') end
    if #fields > 0 then write.fields = fields end
  end
  writes[p] = write
end

local function text(number) return string.format('%.0f', number) end

local missing = missing_right(KEYS[1], prefix)
if missing then return redis.error_reply(missing) end

-- A product that some line names gets its counter even at 0: whether it exists must not depend on where the log was cut (I7).
local must_exist = {}
for i = 1, #seen_products do
  must_exist[seen_products[i]] = true
  add(units, seen_products[i], 0)
end
local products, counters = {}, {}
for product, delta in pairs(units) do
  if delta ~= 0 or must_exist[product] then
    products[#products + 1] = product
    counters[#counters + 1] = prefix .. 'product:' .. product .. ':sold'
  end
end
local counts = read_slices('MGET', counters)
local absent, counter_sets, product_scores, products_gone = {}, {}, {}, {}
for i = 1, #counters do
  local product = products[i]
  local count = counts[i] or '0'
  if not counts[i] then absent[#absent + 1] = counters[i] end
  local sum = is_whole(count) and tonumber(count) + units[product]
  -- Beyond that a Lua number is not exact for certain (I8).
  if not sum or math.abs(sum) >= 10 ^ DIGITS_MAX then return corrupt(counters[i], 'is no whole number that can be counted on') end
  local sum_text = text(sum)
  counter_sets[2 * i - 1] = counters[i]
  counter_sets[2 * i] = sum_text
  -- The score of a product is its count. Members at 0 are removed: then the sets are a function of the rows alone.
  if units[product] ~= 0 then
    if sum == 0 then
      products_gone[#products_gone + 1] = product
    else
      product_scores[#product_scores + 1] = sum_text
      product_scores[#product_scores + 1] = product
    end
  end
end
-- MGET says of a key of another type that it is absent.
if count_existing(absent) > 0 then
  for i = 1, #absent do
    if call('TYPE', absent[i]).ok ~= 'none' then return corrupt(absent[i], 'is no whole number that can be counted on') end
  end
end
local users, user_scores, users_gone = {}, {}, {}
for user, delta in pairs(spent) do
  if delta ~= 0 then users[#users + 1] = user end
end
local scores = read_slices('ZMSCORE', users, USERS)
for i = 1, #users do
  local user = users[i]
  local score = (tonumber(scores[i] or '0')) + spent[user]
  if score == 0 then
    users_gone[#users_gone + 1] = user
  else
    user_scores[#user_scores + 1] = string.format('%.17g', score)
    user_scores[#user_scores + 1] = user
  end
end

-- 1. The chunk begins. A Redis that takes no writes now (OOM, READONLY, ...) says so here.
local begun = pcall_('HINCRBY', CHUNKS, 'begun', '1')
if type(begun) == 'table' then return begun end

-- 2. Counters and reports. The totals always exist.
local function in_slices(command, key, list)
  for from, to in slices(list) do call(command, key, unpack(list, from, to)) end
end
for from, to in slices(counter_sets) do call('MSET', unpack(counter_sets, from, to)) end
in_slices('ZADD', PRODUCTS, product_scores)
in_slices('ZREM', PRODUCTS, products_gone)
in_slices('ZADD', USERS, user_scores)
in_slices('ZREM', USERS, users_gone)
call('HINCRBY', TOTALS, 'orders', text(orders_delta))
call('HINCRBY', TOTALS, 'units', text(units_delta))
call('HINCRBY', TOTALS, 'revenue', text(revenue_delta))

-- 3. Orders and their lines.
for p = 1, patch_count do
  local write = writes[p]
  if write.reset then call('DEL', write.order_key, write.lines_key) end
  if write.delete_lines then in_slices('HDEL', write.lines_key, write.delete_lines) end
  if write.set_lines then in_slices('HSET', write.lines_key, write.set_lines) end
  if write.fields then call('HSET', write.order_key, unpack(write.fields)) end
  if write.delete_fields then call('HDEL', write.order_key, unpack(write.delete_fields)) end
end

-- 4. Records that are set aside, or settled by these patches.
in_slices('HDEL', QUARANTINE, settled)
in_slices('HSET', QUARANTINE, quarantined)

-- 5. The position, in the same atomic step.
if not layout then call('SET', LAYOUT, ARGV[4]) end
call('SET', KEYS[1], ARGV[2])
call('HSET', CHUNKS, 'finished', text(begun))
return {'applied', patch_count}
