--[[
  The first part of every script that writes the read model: long lists of keys and texts.
]]
local KEYS, ARGV, call, pcall_ = KEYS, ARGV, redis.call, redis.pcall

-- Long lists are passed in slices, because unpack has a limit. An error of unpack between the writes would leave half a chunk (I5).
local SLICE = 1000
local function slices(list)
  local from = 1 - SLICE
  return function()
    from = from + SLICE
    if from <= #list then return from, math.min(from + SLICE - 1, #list) end
  end
end
local function in_slices(command, key, list)
  for from, to in slices(list) do call(command, key, unpack(list, from, to)) end
end
local function count_existing(keys)
  local existing = 0
  for from, to in slices(keys) do existing = existing + call('EXISTS', unpack(keys, from, to)) end
  return existing
end
local function read_slices(command, keys, ...)
  local replies = {}
  for from, to in slices(keys) do
    local part = ... and call(command, ..., unpack(keys, from, to)) or call(command, unpack(keys, from, to))
    for i = 1, to - from + 1 do replies[from + i - 1] = part[i] end
  end
  return replies
end
