--[[
  The last part of apply.lua: the last reads and checks, and then the writes, of which only the first one can fail.
]]
-- The text of a whole number. %d is faster than %.0f.
local function text(number) return string.format('%d', number) end
-- From this size on a Lua number may not be exact (I8). Another program may have written such a score.
local EXACT_MAX = 10 ^ DIGITS_MAX
local function is_exact(number) return number % 1 == 0 and math.abs(number) < EXACT_MAX end

local missing = missing_right(KEYS[1], prefix)
if missing then return redis.error_reply(missing) end

-- Merges the differences by member. `named` contains those that the caller has computed for the created orders; they count only if
-- Redis holds none of these orders. `found` contains those of all other orders. The function removes the named members from `found`.
local function merged(named, found, keep_zero)
  local members, deltas, at = {}, {}, 0
  for i = 1, #named, 2 do
    local member = named[i]
    local delta = found[member] or 0
    found[member] = nil
    if are_new then delta = delta + named[i + 1] end
    if delta ~= 0 or keep_zero then
      at = at + 1
      members[at], deltas[at] = member, delta
    end
  end
  for member, delta in pairs(found) do
    if delta ~= 0 then
      at = at + 1
      members[at], deltas[at] = member, delta
    end
  end
  return members, deltas
end

-- A product that any line item names gets its counter even at 0. Whether a counter exists must not depend on where the topic is cut
-- into chunks (I7).
local products, units_deltas = merged(products_named, units, true)
local counters = {}
for i, product in ipairs(products) do counters[i] = prefix .. 'product:' .. product .. ':sold' end
local counts = read_slices('MGET', counters)
local NO_COUNT = 'is not a whole number, or exceeds 15 digits with this chunk'
local absent, counter_sets, product_scores, products_gone = {}, {}, {}, {}
local set_at, score_at = 0, 0
for i = 1, #counters do
  local counter, delta = counters[i], units_deltas[i]
  if not counts[i] then
    absent[#absent + 1] = counter
    counts[i] = '0'
  end
  local count = tonumber(counts[i])
  local sum = count and count + delta
  if not sum or sum >= EXACT_MAX or sum <= -EXACT_MAX then return corrupt(counter, NO_COUNT) end
  local sum_text = text(sum)
  counter_sets[set_at + 1], counter_sets[set_at + 2] = counter, sum_text
  set_at = set_at + 2
  -- The score of a product is its count. Members at 0 are removed, so that the sorted sets depend on the rows alone (I7).
  if delta ~= 0 then
    if sum == 0 then
      products_gone[#products_gone + 1] = products[i]
    else
      product_scores[score_at + 1], product_scores[score_at + 2] = sum_text, products[i]
      score_at = score_at + 2
    end
  end
end
-- tonumber accepts texts that the script never writes (` 7`, `007`, `0x7`, `nan`). One check of all texts together is faster than one
-- check of each.
local all_counts = ',' .. table.concat(counts, ',,') .. ','
if string.find(all_counts, '[^%d%-,]') or string.find(all_counts, ',%-?0%d') or string.find(all_counts, ',%-0,') then
  for i = 1, #counters do
    if not is_whole(counts[i]) then return corrupt(counters[i], NO_COUNT) end
  end
end
-- MGET returns nil for a key of another type, as for an absent key. EXISTS shows the difference.
if count_existing(absent) > 0 then
  for i = 1, #absent do
    if call('TYPE', absent[i]).ok ~= 'none' then return corrupt(absent[i], NO_COUNT) end
  end
end

local users, spent_deltas = merged(created_spent, spent, false)
local scores = read_slices('ZMSCORE', users, USERS)
local user_scores, users_gone = {}, {}
for i = 1, #users do
  local score = tonumber(scores[i] or '0') + spent_deltas[i]
  if score == 0 then
    users_gone[#users_gone + 1] = users[i]
  else
    local at = #user_scores
    user_scores[at + 1] = is_exact(score) and text(score) or string.format('%.17g', score)
    user_scores[at + 2] = users[i]
  end
end

-- 1. The chunk begins. If Redis accepts no writes (OOM, READONLY, ...), this command fails, and nothing has changed (I5).
local begun = pcall_('HINCRBY', CHUNKS, 'begun', '1')
if type(begun) == 'table' then return begun end

-- 2. Counters and reports. All three totals are written each time, so that they exist after the first chunk.
for from, to in slices(counter_sets) do call('MSET', unpack(counter_sets, from, to)) end
in_slices('ZADD', PRODUCTS, product_scores)
in_slices('ZREM', PRODUCTS, products_gone)
in_slices('ZADD', USERS, user_scores)
in_slices('ZREM', USERS, users_gone)
call('HINCRBY', TOTALS, 'orders', text(orders_delta))
call('HINCRBY', TOTALS, 'units', text(units_delta))
if revenue_high ~= 0 then call('HINCRBY', TOTALS, 'revenue', text(revenue_high) .. string.sub(text(REVENUE_UNIT), 2)) end
call('HINCRBY', TOTALS, 'revenue', text(revenue_low))

-- 3. Orders and their line items: first the deletes, then the line items, then the orders.
local gone, item_sets = {}, {}
local function set_items(key, items)
  if items == '' then
    gone[#gone + 1] = key
  else
    item_sets[#item_sets + 1] = key
    item_sets[#item_sets + 1] = items
  end
end
for p = 1, #writes do
  local write = writes[p]
  if write.reset then gone[#gone + 1] = write.order_key end
  if write.items then set_items(write.items_key, write.items) end
end
for from, to in slices(gone) do call('DEL', unpack(gone, from, to)) end
for from, to in slices(item_sets) do call('MSET', unpack(item_sets, from, to)) end
if are_new then write_created(extra_names, created, created_keys) end
for p = 1, #writes do
  local write = writes[p]
  if write.fields then call('HSET', write.order_key, unpack(write.fields)) end
  if write.delete_fields and not write.reset then in_slices('HDEL', write.order_key, write.delete_fields) end
end

-- 4. Quarantine: entries that these patches settle are removed, and new entries are added.
in_slices('HDEL', QUARANTINE, settled)
in_slices('HSET', QUARANTINE, quarantined)

-- 5. The request for an audit, if there is one. An audit that has answered another request begins a pass.
if audit_request then call('HSET', AUDIT, 'requested', audit_request) end

-- 6. The position, in the same atomic step as the data (I1).
if not layout then call('SET', LAYOUT, ARGV[4]) end
call('SET', KEYS[1], ARGV[2])
call('HSET', CHUNKS, 'finished', text(begun))
return {'applied', created_count + patch_count}
