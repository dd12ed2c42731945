--[[
  Swaps the live database with the spare one, or changes nothing: in one step, so readers never see less than before (I15).

  KEYS[1]  lock of the rebuild
  ARGV     the lock's text, holder of the fence, numbers of the live and of the spare database, key of the spare's mark,
           the mark of a spare that is being built, the mark of one that may be thrown away, then for all positions: key,
         offset that the spare must have reached (what the fence there stands for)
  The connection has selected the live database.

  Returns  {'swapped'}       now, or by an earlier call whose reply was lost
           {'behind', key}   the spare is not yet as far as the live one
           {'unfenced', key} the fence is not ours, or its time is over
           {'lost', text}    the lock or the spare is somebody else's
           In the last three nothing was written.
]]
local function compare(a, b) -- Offsets: whole numbers of any length.
  if #a ~= #b then return #a - #b end
  return a < b and -1 or a > b and 1 or 0
end
local call = redis.call
local live, spare, mark_key = ARGV[3], ARGV[4], ARGV[5]

call('SELECT', spare)
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
call('SELECT', spare)
for i = 8, #ARGV, 2 do
  local built = string.match(call('GET', ARGV[i]) or '', '^v1 (%d+)') or '0'
  if compare(built, ARGV[i + 1]) < 0 then return {'behind', ARGV[i]} end
end

-- The lock stays in the live database; the mark tells whoever comes next what the spare holds. Without positions nobody goes on
-- with the old content (ReadModel.anchor).
call('DEL', mark_key)
call('SET', KEYS[1], lock, 'PX', math.max(left_ms, 1))
call('SELECT', live)
call('DEL', KEYS[1])
for i = 8, #ARGV, 2 do call('DEL', ARGV[i]) end
call('SET', mark_key, ARGV[7])
call('SWAPDB', live, spare)
return {'swapped'}
