--[[
  Swaps the live database with the staging database, or changes nothing.
  All of it is one step, so readers never see an older state (I15). The connection has selected the live database.

  KEYS[1]  lock of the rebuild
  ARGV     1 text of the lock, 2 holder of the fences, 3 number of the live database, 4 number of the staging database,
           5 key of the mark, 6 mark of the content that this rebuild builds, 7 mark of content that may be removed,
           then for each position: its key, and the offset that the staging database must have reached.
           This offset is the position that the fence keeps, or the end of the partition if the position is beyond it.

  Returns  {'swapped'}       the databases are swapped, now or by an earlier call whose reply was lost
           {'behind', key}   the staging database has not reached the offset of this position
           {'unfenced', key} the fence has another holder, has expired, or is missing
           {'lost', text}    another process has the lock, or the staging database has another mark
           In the last three cases the script has written nothing.
]]
local function compare(a, b) -- Compares offsets as texts, because a Lua number is not exact beyond 2^53.
  if #a ~= #b then return #a - #b end
  return a < b and -1 or a > b and 1 or 0
end
local call = redis.call
local live, staging, mark_key = ARGV[3], ARGV[4], ARGV[5]

call('SELECT', staging)
local mark = call('GET', mark_key)
if mark == ARGV[7] then return {'swapped'} end
call('SELECT', live)
local lock = call('GET', KEYS[1]) or ''
if lock ~= ARGV[1] then return {'lost', lock} end
if mark ~= ARGV[6] then return {'lost', mark or ''} end

local now = call('TIME')
local now_ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
for i = 8, #ARGV, 2 do
  local until_ms, holder = string.match(call('GET', ARGV[i]) or '', '^fence (%d+) (%S+)')
  if holder ~= ARGV[2] or now_ms >= tonumber(until_ms) then return {'unfenced', ARGV[i]} end
end
local left_ms = call('PTTL', KEYS[1])
call('SELECT', staging)
for i = 8, #ARGV, 2 do
  -- A fence in its place shows that a chunk is being applied in parts (apply/parts.ts).
  local built = string.match(call('GET', ARGV[i]) or '', '^v1 (%d+)')
  if not built or compare(built, ARGV[i + 1]) < 0 then return {'behind', ARGV[i]} end
end

-- The lock must stay in the database that is live, so it moves first. The mark names the content of the staging database.
-- The old content loses its positions, so no worker can resume on it (ReadModel.positionToResume).
call('DEL', mark_key)
call('SET', KEYS[1], lock, 'PX', math.max(left_ms, 1))
call('SELECT', live)
call('DEL', KEYS[1])
for i = 8, #ARGV, 2 do call('DEL', ARGV[i]) end
call('SET', mark_key, ARGV[7])
call('SWAPDB', live, staging)
return {'swapped'}
