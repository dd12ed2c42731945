--[[
  Checks whether this user may run the commands of apply.lua and merge.lua on the keys that they touch; writes nothing.

  Redis does not roll back a script. If a right were missing in the middle of apply.lua, half of a chunk would remain (I5). So a
  worker checks all rights once, at start. Each run of apply.lua, which this text precedes, checks the rights to write again,
  because an administrator can remove them from a running worker. Redis before 7.0 does not support this check.

  Each function returns nil, or 'NOPERM this user has no permission to run <command> on <key>'
]]
local function first_missing(lists)
  if not redis.acl_check_cmd then return nil end
  for _, commands in ipairs(lists) do
    for _, command in ipairs(commands) do
      if not redis.acl_check_cmd(unpack(command)) then
        return 'NOPERM this user has no permission to run ' .. command[1] .. ' on ' .. (command[2] or 'the server')
      end
    end
  end
  return nil
end

-- The commands for counters and reports: those that write, and those that read.
local function sum_commands(prefix, reads_too)
  local counter, chunks = prefix .. 'product:0:sold', prefix .. 'projector:chunks'
  local products, users, totals = prefix .. 'report:products', prefix .. 'report:users', prefix .. 'report:totals'
  return {
    {'HINCRBY', chunks, 'begun', '1'}, {'HSET', chunks, 'finished', '1'},
    {'MSET', counter, '1'},
    {'ZADD', products, '1', '0'}, {'ZREM', products, '0'}, {'ZADD', users, '1', '0'}, {'ZREM', users, '0'},
    {'HINCRBY', totals, 'orders', '1'},
  }, reads_too and {
    {'HMGET', chunks, 'begun'}, {'TYPE', products}, {'TYPE', users}, {'TYPE', totals}, {'HMGET', totals, 'orders'},
    {'MGET', counter}, {'EXISTS', counter}, {'TYPE', counter}, {'ZMSCORE', users, '0'},
  }
end

-- What apply.lua needs. `position`: key of the position of a (topic, partition). `reads_too`: also check the commands that read.
-- `has_outbox`: counters and reports are not under this prefix; their differences go to the outbox.
local function missing_right(position, prefix, reads_too, has_outbox)
  local order, items = prefix .. 'order:0', prefix .. 'order_lines:0'
  local quarantine, chunks, outbox = prefix .. 'projector:quarantine', prefix .. 'projector:chunks', prefix .. 'projector:outbox'
  local audit, lease = prefix .. 'projector:audit', prefix .. 'projector:audit-lease'

  local writes = {
    {'HSET', order, 'id', '0'}, {'HDEL', order, 'id'}, {'DEL', order},
    {'MSET', items, '0:0:0'}, {'DEL', items},
    {'HSET', quarantine, '0', '0'}, {'HDEL', quarantine, '0'},
    {'HSET', audit, 'requested', '0'},
    {'SET', position, ''},
  }
  local reads = reads_too and {
    {'GET', position}, {'MGET', position},
    {'TYPE', audit}, {'GET', lease}, {'TYPE', quarantine}, {'HKEYS', quarantine},
    {'HMGET', order, 'id'}, {'GET', items}, {'EXISTS', order}, {'EXISTS', items}, {'TIME'},
  }
  local others, other_reads
  if has_outbox then
    others = {{'HINCRBY', chunks, 'begun', '1'}, {'HSET', chunks, 'finished', '1'}, {'RPUSH', outbox, '0'}, {'LPOP', outbox}}
    other_reads = {{'HMGET', chunks, 'begun'}, {'TYPE', outbox}, {'LINDEX', outbox, '0'}, {'LRANGE', outbox, '0', '0'}}
  else
    others, other_reads = sum_commands(prefix, reads_too)
  end
  return first_missing(reads_too and {others, writes, other_reads, reads} or {others, writes})
end

-- What merge.lua and take.lua need. `merged`: key of the merged offsets.
local function missing_merge_right(prefix, merged, reads_too)
  local writes, reads = sum_commands(prefix, reads_too)
  writes[#writes + 1] = {'HSET', merged, '0', '0'}
  writes[#writes + 1] = {'SET', prefix .. 'projector:layout', '0'}
  if not reads_too then return first_missing({writes}) end
  reads[#reads + 1] = {'HGET', merged, '0'}
  reads[#reads + 1] = {'HMGET', merged, '0'}
  reads[#reads + 1] = {'EXISTS', merged}
  return first_missing({writes, reads})
end
