--[[
  A part of apply.lua: the outbox of a partition, in the layout `partitioned`.

  Counters and reports are in another slot than the orders, and a script can access only one slot. So the script of a chunk cannot write
  them. It appends an entry with the differences to the outbox, in the same step as the orders. merge.lua adds the entry to the reports.
  redis-model/outbox.ts describes the text of an entry.
]]
-- A chunk appends one entry. With more than one removal per chunk, the outbox shrinks until only the entries remain that must be kept.
local REMOVALS_MAX = 4

-- Removes the oldest entries that end at or before `merged_to` and are older than `keep_ms`. Merged entries are kept that long, because
-- the slot of the reports can lose its newest writes, and then needs the entries again.
local function shorten_outbox(key, merged_to, keep_ms, now_ms)
  for _ = 1, REMOVALS_MAX do
    local _, _, to, at_ms = string.find(call('LINDEX', key, '0') or '', '^%d+ (%d+) (%d+) ')
    if not to or tonumber(to) > merged_to or tonumber(at_ms) + keep_ms > now_ms then return end
    call('LPOP', key)
  end
end

local function pairs_text(members, deltas)
  local texts = {}
  for i = 1, #members do texts[i] = members[i] .. ' ' .. text(deltas[i]) end
  return table.concat(texts, ' ')
end

-- Appends one entry, and returns it. `order` is an instruction, not an order of the shop: the sixth argument of apply.lua.
local function add_to_outbox(key, order, totals, products, users)
  local _, _, from, to, merged_to, keep_ms = string.find(order, '^(%d+) (%d+) (%d+) (%d+)$')
  local now = call('TIME')
  local now_ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
  shorten_outbox(key, tonumber(merged_to), tonumber(keep_ms), now_ms)
  local head = {from, to, text(now_ms), text(totals[1]), text(totals[2]), text(totals[3]), text(totals[4])}
  local entry = table.concat(head, ' ') .. '|' .. pairs_text(unpack(products)) .. '|' .. pairs_text(unpack(users))
  call('RPUSH', key, entry)
  return entry
end
