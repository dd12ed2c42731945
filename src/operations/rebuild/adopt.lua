--[[
  One step of the cutover in the layout `partitioned`, in the slot of one partition (partitionedCutover.ts). It moves keys from the staging
  prefix to the live prefix, or changes nothing (I15, C4).

  Every step requires that the fence of this run stands with the same position in it, and that the mark is the one of the step before. So a
  step that arrives late, after the fence has expired or after a later step, changes nothing. A step that is repeated because its reply
  was lost has the same result.

  The mark:   content ('rebuild', 'sync')  ->  removing  ->  renaming  ->  'discard <id>'

  KEYS[1]  live position of the partition
  ARGV     1 step, 2 holder of the fences, 3 position text in the fence, 4 id of the run, 5 live prefix, 6 staging prefix, 7 key of the staging
           position, then by step:
           begin   8 mark of the content, 9 offset that the staging position must have reached. A fence that never expires
                   replaces the staging position, so nothing can write to the staging keys any more
           remove  names of keys, without prefix: live keys that staging does not contain are removed
           turn    nothing; the mark becomes `renaming`
           rename  names of keys, without prefix: staging keys replace the live ones
           finish  nothing; the position in the fence becomes that of staging. The outbox is removed, because its entries are before it

  Returns  {'done', the staging position text}
           {'behind'}        staging has not reached the offset
           {'unfenced'}      the fence has another holder or another position, has expired, or is missing
           {'lost', mark}    the staging keys have another mark
           After the last three replies Redis is unchanged.
]]
local step, holder, position, id, live, staging, staged_position = unpack(ARGV, 1, 7)
local mark_key = staging .. 'projector:staging'
local mark = call('GET', mark_key) or ''
local REMOVING, RENAMING, FINISHED = 'adopting ' .. id .. ' removing', 'adopting ' .. id .. ' renaming', 'discard ' .. id
if mark == FINISHED then return {'done', ''} end

local until_ms, found, inside = string.match(call('GET', KEYS[1]) or '', '^fence (%d+) (%S+) ?(.*)$')
local now = call('TIME')
local now_ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
if found ~= holder or inside ~= position or now_ms >= tonumber(until_ms) then return {'unfenced'} end

local function is_behind(offset, goal) -- Compares offsets as texts, because a Lua number is not exact beyond 2^53.
  if #offset ~= #goal then return #offset < #goal end
  return offset < goal
end
local built = call('GET', staged_position) or ''
if step == 'begin' and mark == ARGV[8] then
  -- A fence in its place shows that a chunk is being applied in parts (apply/parts.ts).
  local offset = string.match(built, '^v1 (%d+)')
  if not offset or is_behind(offset, ARGV[9]) then return {'behind'} end
  call('SET', mark_key, REMOVING)
  call('SET', staged_position, 'fence 999999999999999 ' .. id .. ' ' .. built)
  return {'done', built}
end

local next_position = string.match(built, '^fence %d+ %S+ ?(.*)$') or ''
if mark ~= RENAMING and (mark ~= REMOVING or step == 'rename' or step == 'finish') then return {'lost', mark} end
if step == 'remove' and mark == REMOVING then
  local gone = {}
  for i = 8, #ARGV do
    if call('EXISTS', staging .. ARGV[i]) == 0 then gone[#gone + 1] = live .. ARGV[i] end
  end
  for from, to in slices(gone) do call('UNLINK', unpack(gone, from, to)) end
elseif step == 'turn' then
  call('SET', mark_key, RENAMING)
elseif step == 'rename' then
  for i = 8, #ARGV do
    if call('EXISTS', staging .. ARGV[i]) == 1 then call('RENAME', staging .. ARGV[i], live .. ARGV[i]) end
  end
elseif step == 'finish' then
  call('SET', KEYS[1], 'fence ' .. until_ms .. ' ' .. holder .. ' ' .. next_position)
  call('UNLINK', live .. 'projector:outbox', staged_position)
  call('SET', mark_key, FINISHED)
end
return {'done', next_position}
