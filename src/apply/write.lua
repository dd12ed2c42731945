--[[
  The last part of apply.lua: the last reads and checks, and then the writes, of which only the first one can fail.
]]
local missing = missing_right(KEYS[1], prefix, false, not has_reports)
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
local users, spent_deltas = merged(created_spent, spent, false)
local totals = {orders_delta, units_delta, revenue_high, revenue_low}
local failure, product_sums, user_sums
if has_reports then
  failure, product_sums = plan_products(prefix, products, units_deltas)
  if failure then return failure end
  user_sums = plan_users(prefix, users, spent_deltas)
end

-- 1. The chunk begins. If Redis accepts no writes (OOM, READONLY, ...), this command fails, and nothing has changed (I5).
local begun = pcall_('HINCRBY', CHUNKS, 'begun', '1')
if type(begun) == 'table' then return begun end

-- 2. Counters and reports.
local entry = ''
if has_reports then
  write_sums(prefix, product_sums, user_sums, totals)
elseif outbox_order ~= 'none' then
  entry = add_to_outbox(OUTBOX, outbox_order, totals, {products, units_deltas}, {users, spent_deltas})
end

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
return {'applied', created_count + patch_count, entry}
