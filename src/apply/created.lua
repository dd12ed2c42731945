--[[
  Orders that the caller has computed: apply.lua and load.lua write them with the functions of this file.
]]
-- Adds the extra columns that have a value to `fields`. Returns the names of the columns that are NULL, or nil if there are none.
local function set_extras(extra_names, fields, texts, from)
  local gone
  for i = 1, #extra_names do
    local value = texts[from + i - 1]
    if string.byte(value) == 43 then
      fields[#fields + 1] = extra_names[i]
      fields[#fields + 1] = string.sub(value, 2)
    else
      gone = gone or {}
      gone[#gone + 1] = extra_names[i]
    end
  end
  return gone
end

-- Orders that the caller has computed are texts in `created` (apply.lua, part 5 of the chunk). This is how many texts an order has.
local function created_texts(extra_names) return 6 + #extra_names end
-- The key of each of these orders, followed by the key of its line items.
local function keys_of_created(prefix, extra_names, created, count)
  local keys, width = {}, created_texts(extra_names)
  for i = 1, count do
    local id = created[(i - 1) * width + 1]
    keys[2 * i - 1] = prefix .. 'order:' .. id
    keys[2 * i] = prefix .. 'order_lines:' .. id
  end
  return keys
end
-- Writes these orders without reading anything. `keys`: the result of keys_of_created.
local function write_created(extra_names, created, keys)
  local count, width = #keys / 2, created_texts(extra_names)
  local item_sets, at = {}, 0
  for i = 1, count do
    local items = created[i * width]
    if items ~= '' then
      item_sets[at + 1], item_sets[at + 2] = keys[2 * i], items
      at = at + 2
    end
  end
  for from, to in slices(item_sets) do call('MSET', unpack(item_sets, from, to)) end
  for i = 1, count do
    local id_at, order_key = (i - 1) * width + 1, keys[2 * i - 1]
    local items_at = id_at + width - 2
    local id, user, amount, items_count = created[id_at], created[id_at + 1], created[id_at + 2], created[items_at - 1]
    call('HSET', order_key, 'id', id, 'user_id', user, 'total_amount', amount, 'items_count', items_count, 'items', created[items_at])
    if #extra_names > 0 then
      local fields = {}
      set_extras(extra_names, fields, created, id_at + 3)
      in_slices('HSET', order_key, fields)
    end
  end
end
