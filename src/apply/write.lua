--[[
  The third part of apply.lua: the last questions, and then the writes, of which only the first one can fail.
]]
-- Of a whole number; %d is faster than %.0f.
local function text(number) return string.format('%d', number) end
-- Something else may have written a score.
local function is_exact(number) return number % 1 == 0 and math.abs(number) < 10 ^ DIGITS_MAX end

local missing = missing_right(KEYS[1], prefix)
if missing then return redis.error_reply(missing) end

-- A product that some line names gets its counter even at 0: whether it exists must not depend on where the log was cut (I7).
local must_exist = {}
for i = 1, #products_named, 2 do
  must_exist[products_named[i]] = true
  add(units, products_named[i], 0)
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
    user_scores[#user_scores + 1] = is_exact(score) and text(score) or string.format('%.17g', score)
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

-- 3. Orders and their lines: first what goes, then lines, then orders.
local gone, line_sets = {}, {}
local function set_lines(key, lines)
  if lines == '' then
    gone[#gone + 1] = key
  else
    line_sets[#line_sets + 1] = key
    line_sets[#line_sets + 1] = lines
  end
end
if are_new then
  for i = 1, created_count do
    local lines = created[i * CREATED_TEXTS]
    if lines ~= '' then set_lines(created_keys[2 * i], lines) end
  end
end
for p = 1, #writes do
  local write = writes[p]
  if write.reset then gone[#gone + 1] = write.order_key end
  if write.lines then set_lines(write.lines_key, write.lines) end
end
for from, to in slices(gone) do call('DEL', unpack(gone, from, to)) end
for from, to in slices(line_sets) do call('MSET', unpack(line_sets, from, to)) end
if are_new then
  for i = 1, created_count do
    local id_at, order_key = (i - 1) * CREATED_TEXTS + 1, created_keys[2 * i - 1]
    local id, user, amount = unpack(created, id_at, id_at + 2)
    local count, items = unpack(created, id_at + CREATED_TEXTS - 3, id_at + CREATED_TEXTS - 2)
    call('HSET', order_key, 'id', id, 'user_id', user, 'total_amount', amount, 'items_count', count, 'items', items)
    if #extra_names > 0 then
      local fields = {}
      set_extras(fields, created, id_at + 3)
      in_slices('HSET', order_key, fields)
    end
  end
end
for p = 1, #writes do
  local write = writes[p]
  if write.fields then call('HSET', write.order_key, unpack(write.fields)) end
  if write.delete_fields and not write.reset then in_slices('HDEL', write.order_key, write.delete_fields) end
end

-- 4. Records that are set aside, or settled by these patches.
in_slices('HDEL', QUARANTINE, settled)
in_slices('HSET', QUARANTINE, quarantined)

-- 5. The position, in the same atomic step.
if not layout then call('SET', LAYOUT, ARGV[4]) end
call('SET', KEYS[1], ARGV[2])
call('HSET', CHUNKS, 'finished', text(begun))
return {'applied', created_count + patch_count}
