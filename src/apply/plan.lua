--[[
  The fourth part of apply.lua: computes what each order needs from what Redis holds, and sums up the differences of the counters
  and reports. It only reads.
]]
-- Sums of the differences, by product and by user.
local units, spent = {}, {}
local orders_delta, units_delta = 0, 0
local revenue_high, revenue_low = 0, 0
local function add(sums, member, delta) sums[member] = (sums[member] or 0) + delta end
-- Parses strictly, because tonumber also accepts `nan`, `1e9` and `0x10`. The limit of digits keeps the sums exact (I8).
local function minor_units(amount)
  local _, _, sign, whole, decimals = string.find(amount, '^(%-?)(%d+)%.?(%d*)$')
  if not whole or #whole + #decimals > DIGITS_MAX then return nil end
  return tonumber(sign .. whole .. decimals)
end

-- The order of ids (domain/id.ts). Whole numbers are compared without converting them, so that ids of any length keep their exact
-- value (I8).
local function by_id(a, b)
  local a_negative, b_negative = string.byte(a) == 45, string.byte(b) == 45
  if a_negative ~= b_negative then return a_negative end
  if a_negative then a, b = b, a end
  if #a ~= #b then return #a < #b end
  -- Lua compares texts by the locale of the server. For digits it makes no difference.
  if not string.find(a, '[^%d%-]') and not string.find(b, '[^%d%-]') then return a < b end
  for i = 1, #a do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return false
end
-- The amount of an order is the sum over its line items, so each of them has an amount.
local has_item_amounts = item_decimals >= 0
local NUMBER, ID_CHARACTERS = '%-?%d+%.?%d*', '[%w%%._~/-]'
local ITEM = ID_CHARACTERS .. '*:' .. NUMBER .. (has_item_amounts and ':' .. NUMBER or '')
local STORED_ITEM, STORED_ITEM_PARTS = ID_CHARACTERS .. '+:' .. ITEM, '(' .. ID_CHARACTERS .. '+):(' .. ITEM .. ')'
-- Returns the product of a line item, its units, and its minor units. The last two are nil if they cannot be read.
local function numbers_of(item)
  local _, _, product, quantity, amount = string.find(item, '^([^:]*):([^:]*):?(.*)$')
  return product, minor_units(quantity), amount == '' and 0 or minor_units(amount)
end
-- Parses the stored line items of an order: 'item id:product_id:quantity;...', by item id. Returns the ids, and
-- 'product_id:quantity' of each id. Returns nil if the text has another form.
local function read_items(stored)
  local ids, items, count, last_id = {}, {}, 0, nil
  for id, item in string.gmatch(stored, STORED_ITEM_PARTS) do
    if last_id and not by_id(last_id, id) then return nil end
    -- A longer quantity could not be summed exactly, and the removal of its line item also needs that sum (I8).
    if #item > DIGITS_MAX + 2 then
      local _, count_of, cents = numbers_of(item)
      if not count_of or not cents then return nil end
    end
    count = count + 1
    ids[count] = id
    items[id] = item
    last_id = id
  end
  -- The text may contain only the line items, and one separator between two of them.
  if stored ~= '' and string.gsub(stored .. ';', STORED_ITEM .. ';', '') ~= '' then return nil end
  return ids, items
end
-- Adds the units of one line item to the sums, or subtracts them (sign -1).
local function count_item(item, sign)
  local product, count = numbers_of(item)
  count = sign * count
  if product ~= '' then units[product] = (units[product] or 0) + count end
  units_delta = units_delta + count
end
local function count_items(items, sign)
  for _, item in pairs(items) do count_item(item, sign) end
end
-- The field `items` of an order: its line items without their ids and amounts.
local SHOWN = '[^:;]+:([^:;]*):([^:;]+)' .. (has_item_amounts and ':[^:;]+' or '')
local function items_of(items_text)
  return (string.gsub(items_text, SHOWN, 'product_id:%1,quantity:%2'))
end
-- The amount of an order that has none of its own.
local function amount_of(items)
  local sum = 0
  for _, item in pairs(items) do
    local _, _, cents = numbers_of(item)
    sum = sum + cents
  end
  if item_decimals == 0 then return string.format('%d', sum) end
  local digits = string.format('%0' .. (item_decimals + 1) .. 'd', math.abs(sum))
  return (sum < 0 and '-' or '') .. string.sub(digits, 1, -item_decimals - 1) .. '.' .. string.sub(digits, -item_decimals)
end
local function count_order(user, amount, sign)
  local cents = minor_units(amount)
  if not cents then return false end
  if user ~= '' then add(spent, user, sign * cents) end
  local rest = cents % REVENUE_UNIT
  revenue_high = revenue_high + sign * (cents - rest) / REVENUE_UNIT
  revenue_low = revenue_low + sign * rest
  orders_delta = orders_delta + sign
  return true
end

local writes = {}
-- Foreign data in the keys of one order makes only that order corrupt. The caller quarantines the records of that order.
local function corrupt_order(id, key, what) return {'corrupt', id, key .. ' ' .. what} end
local function is_wrong_type(reply) return reply.err and string.find(reply.err, 'WRONGTYPE', 1, true) end

-- Reads what Redis holds of an order: its user and amount, or nil if it does not exist. Returns a failure as third value.
local function read_order(id, order_key)
  local before = pcall_('HMGET', order_key, 'user_id', 'total_amount')
  if is_wrong_type(before) then return nil, nil, corrupt_order(id, order_key, 'is not a hash') end
  if before.err then return nil, nil, before end
  local user, amount = before[1], before[2]
  if not user ~= not amount then return nil, nil, corrupt_order(id, order_key, 'lacks user_id or total_amount') end
  return user, amount
end

-- Reads the stored line items of an order: their ids, the items by id, and the stored text. Returns a failure as fourth value.
local function read_stored_items(id, items_key)
  local text = pcall_('GET', items_key) or ''
  if type(text) == 'table' then
    return nil, nil, nil, is_wrong_type(text) and corrupt_order(id, items_key, 'is not a string') or text
  end
  local ids, items = read_items(text)
  if not ids then return nil, nil, nil, corrupt_order(id, items_key, 'holds a line item that cannot be read') end
  return ids, items, text
end

-- Applies the changes of line items, from `from` to `to` in `texts`, to `items`. Returns the ids in their order. If `counts` is true,
-- the units of each change are added to the sums.
local function change_items(ids, items, texts, from, to, counts)
  local is_gap, is_unsorted = false, false
  for i = from, to, 2 do
    local id, item = texts[i], texts[i + 1]
    local before = items[id]
    if counts and before then count_item(before, -1) end
    if item == '' then
      is_gap = is_gap or before ~= nil
      items[id] = nil
    else
      if counts then count_item(item, 1) end
      if not before then
        is_unsorted = is_unsorted or #ids > 0 and by_id(id, ids[#ids])
        ids[#ids + 1] = id
      end
      items[id] = item
    end
  end
  if is_gap then
    ids, is_unsorted = {}, true
    for id in pairs(items) do ids[#ids + 1] = id end
  end
  if is_unsorted then table.sort(ids, by_id) end
  return ids
end

local function items_text(ids, items)
  local texts = {}
  for i = 1, #ids do texts[i] = ids[i] .. ':' .. items[ids[i]] end
  return table.concat(texts, ';')
end

-- Reads one order, and plans the writes that apply one patch to it. The patch begins at `at` in `texts` (apply.lua, part 9 of the
-- chunk). Returns a failure or nil, and where the next patch begins.
local function plan(texts, at)
  local id, mode = texts[at], texts[at + 1]
  local row_at = (mode == 'upsert' or mode == 'replace') and at + 2 or nil
  local count_at = row_at and row_at + 2 + #extra_names or at + 2
  local from, to = count_at + 1, count_at + texts[count_at]
  local order_key, items_key = prefix .. 'order:' .. id, prefix .. 'order_lines:' .. id
  local user_before, amount_before, failure = read_order(id, order_key)
  if failure then return failure end
  local existed = user_before
  local reset, hides = mode == 'replace' or mode == 'clear', mode == 'hide'
  -- If no line item changes, the script does not read the line items, because the fields of the order already show them.
  local keeps_items = existed and not reset and not hides and from > to
  local is_same_amount = row_at and (has_item_amounts or amount_before == texts[row_at + 1])
  if keeps_items and row_at and #extra_names == 0 and user_before == texts[row_at] and is_same_amount then
    return nil, to + 1 -- The change of this row concerns no column that the read model contains.
  end
  local ids, items, stored_items = {}, {}, ''
  if not keeps_items then
    ids, items, stored_items, failure = read_stored_items(id, items_key)
    if failure then return failure end
  end
  local exists = row_at or existed and not reset and not hides
  -- If the order existed and stays, only the line items that change are counted. Else all of its line items are counted.
  local stays = existed and exists and not reset
  if existed and not stays then count_items(items, -1) end
  if existed and not count_order(user_before, amount_before, -1) then
    return corrupt_order(id, order_key, 'holds a total_amount that cannot be read')
  end

  local write = {order_key = order_key, items_key = items_key, reset = reset or hides}
  local user, amount, fields, text = user_before, amount_before, {}, nil
  if not keeps_items then
    if reset then ids, items = {}, {} end
    ids = change_items(ids, items, texts, from, to, stays)
    text = items_text(ids, items)
    if text ~= stored_items then write.items = text end
    if exists and not stays then count_items(items, 1) end
    if exists and has_item_amounts then amount = amount_of(items) end
  end
  if row_at then
    user = texts[row_at]
    if not has_item_amounts then amount = texts[row_at + 1] end
    fields = {'id', id, 'user_id', user, 'total_amount', amount}
    write.delete_fields = set_extras(extra_names, fields, texts, row_at + 2)
  elseif has_item_amounts and amount ~= amount_before then
    fields = {'total_amount', amount}
  end
  if text and exists then
    local last = #fields
    fields[last + 1], fields[last + 2] = 'items_count', string.format('%d', #ids)
    fields[last + 3], fields[last + 4] = 'items', items_of(text)
  end
  if exists and not count_order(user, amount, 1) then
    return corrupt_order(id, order_key, 'would hold a total_amount that cannot be read')
  end
  if exists and #fields > 0 then write.fields = fields end
  writes[#writes + 1] = write
  return nil, to + 1
end

-- Redis holds none of the orders that the topic creates in this chunk, unless the topic is replayed over live data. One EXISTS
-- checks that. If it is so, the script uses what the caller has computed for these orders, and reads none of them.
local created_units, created_high, created_low, created_orders, created_count = unpack(created_sums)
local created_keys, CREATED_TEXTS = keys_of_created(prefix, extra_names, created, created_count), created_texts(extra_names)
local are_new = count_existing(created_keys) == 0
if are_new then
  orders_delta, units_delta, revenue_high, revenue_low = created_orders, created_units, created_high, created_low
else
  for i = 1, created_count do
    local from = (i - 1) * CREATED_TEXTS + 1
    local ids, items = read_items(created[from + CREATED_TEXTS - 1])
    local patch = {created[from], 'upsert'}
    for j = 1, 2 + #extra_names do patch[2 + j] = created[from + j] end
    patch[#patch + 1] = 2 * #ids
    for _, id in ipairs(ids) do
      patch[#patch + 1] = id
      patch[#patch + 1] = items[id]
    end
    local failure = plan(patch, 1)
    if failure then return failure end
  end
end
do
  local at, failure = 1, nil
  for _ = 1, patch_count do
    failure, at = plan(patches, at)
    if failure then return failure end
  end
end
