--[[
  A part of apply.lua and of merge.lua: counters and reports, and the checks before the first write.
]]
-- The limit of digits keeps sums exact, because a Lua number rounds beyond 2^53 (I8).
local DIGITS_MAX = 15
-- A sum of amounts is high * REVENUE_UNIT + low, because it could exceed 2^53 (I8).
local REVENUE_UNIT = 10 ^ 8
-- From this size on a Lua number may not be exact (I8). Another program may have written such a score.
local EXACT_MAX = 10 ^ DIGITS_MAX
-- The text of a whole number. %d is faster than %.0f.
local function text(number) return string.format('%d', number) end
local function is_exact(number) return number % 1 == 0 and math.abs(number) < EXACT_MAX end
local function is_whole(number)
  return number == '0' or #number <= 18 and string.find(number, '^%-?[1-9]%d*$')
end
local function corrupt(key, what) return redis.error_reply('CORRUPT ' .. key .. ' ' .. what) end

-- A foreign type under a shared key must be detected before the first write, because Redis does not roll back a script (I5).
local function check_types(types)
  for key, want in pairs(types) do
    local kind = call('TYPE', key).ok
    if kind ~= 'none' and kind ~= want then return corrupt(key, 'is a ' .. kind .. ', not a ' .. want) end
  end
end
-- The keys of the reports, by their type.
local function report_types(prefix)
  return {[prefix .. 'report:products'] = 'zset', [prefix .. 'report:users'] = 'zset', [prefix .. 'report:totals'] = 'hash'}
end
local function check_totals(key, is_required)
  local totals = call('HMGET', key, 'orders', 'units', 'revenue')
  if is_required and not totals[1] then return corrupt(key, 'is missing, although Redis holds a position') end
  for _, total in ipairs(totals) do
    if total and not is_whole(total) then return corrupt(key, 'has a field that is not a whole number') end
  end
end
local function check_chunks(key)
  local chunks = call('HMGET', key, 'begun', 'finished')
  if chunks[1] ~= chunks[2] then return corrupt(key, 'shows that Redis has executed a chunk or a part of it twice') end
  if chunks[1] and not is_whole(chunks[1]) then return corrupt(key, 'has a field that is not a whole number') end
end

local NO_COUNT = 'is not a whole number, or exceeds 15 digits with this chunk'
-- Reads the counters of these products, and adds the differences. Returns a failure, or nil and what to write: keys with their new
-- texts, members of the sorted set with their new scores, and members to remove.
local function plan_products(prefix, products, deltas)
  local counters = {}
  for i, product in ipairs(products) do counters[i] = prefix .. 'product:' .. product .. ':sold' end
  local counts = read_slices('MGET', counters)
  local absent, sets, scores, gone = {}, {}, {}, {}
  local set_at, score_at = 0, 0
  -- Locals of the function are faster in the loop than those outside of it.
  local exact_max, format, number_of = EXACT_MAX, string.format, tonumber
  for i = 1, #counters do
    local counter, delta = counters[i], deltas[i]
    if not counts[i] then
      absent[#absent + 1] = counter
      counts[i] = '0'
    end
    local count = number_of(counts[i])
    local sum = count and count + delta
    if not sum or sum >= exact_max or sum <= -exact_max then return corrupt(counter, NO_COUNT) end
    local sum_text = format('%d', sum)
    sets[set_at + 1], sets[set_at + 2] = counter, sum_text
    set_at = set_at + 2
    -- The score of a product is its count. Members at 0 are removed, so that the sorted sets depend on the rows alone (I7).
    if delta ~= 0 then
      if sum == 0 then
        gone[#gone + 1] = products[i]
      else
        scores[score_at + 1], scores[score_at + 2] = sum_text, products[i]
        score_at = score_at + 2
      end
    end
  end
  -- tonumber accepts texts that the script never writes (` 7`, `007`, `0x7`, `nan`). One check of all texts together is faster than
  -- one check of each.
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
  return nil, {sets = sets, scores = scores, gone = gone}
end

-- Reads the scores of these users, and adds the differences. Returns members with their new scores, and members to remove.
local function plan_users(prefix, users, deltas)
  local found = read_slices('ZMSCORE', users, prefix .. 'report:users')
  local scores, gone = {}, {}
  local format, number_of = string.format, tonumber
  for i = 1, #users do
    local score = number_of(found[i] or '0') + deltas[i]
    if score == 0 then
      gone[#gone + 1] = users[i]
    else
      local at = #scores
      scores[at + 1] = is_exact(score) and format('%d', score) or format('%.17g', score)
      scores[at + 2] = users[i]
    end
  end
  return {scores = scores, gone = gone}
end

-- Writes what plan_products and plan_users returned, and adds to the totals. All three totals are written each time, so that they
-- exist after the first chunk. `totals`: orders, units, and both parts of the revenue.
local function write_sums(prefix, products, users, totals)
  for from, to in slices(products.sets) do call('MSET', unpack(products.sets, from, to)) end
  in_slices('ZADD', prefix .. 'report:products', products.scores)
  in_slices('ZREM', prefix .. 'report:products', products.gone)
  in_slices('ZADD', prefix .. 'report:users', users.scores)
  in_slices('ZREM', prefix .. 'report:users', users.gone)
  local key, revenue_high = prefix .. 'report:totals', totals[3]
  call('HINCRBY', key, 'orders', text(totals[1]))
  call('HINCRBY', key, 'units', text(totals[2]))
  if revenue_high ~= 0 then call('HINCRBY', key, 'revenue', text(revenue_high) .. string.sub(text(REVENUE_UNIT), 2)) end
  call('HINCRBY', key, 'revenue', text(totals[4]))
end
