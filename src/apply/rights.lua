--[[
  Checks whether this user may run the commands of apply.lua on the keys that they touch; writes nothing.

  Redis does not roll back a script. If a right were missing in the middle of apply.lua, half of a chunk would remain (I5). So a
  worker checks all rights once, at start. Each run of apply.lua, which this text precedes, checks the rights to write again,
  because an administrator can remove them from a running worker. Redis before 7.0 does not support this check.

  position     key of the position of a (topic, partition)
  prefix       key prefix
  reads_too    also check the commands that read

  Returns  nil, or 'NOPERM this user has no permission to run <command> on <key>'
]]
local function missing_right(position, prefix, reads_too)
  if not redis.acl_check_cmd then return nil end
  local order, items, counter = prefix .. 'order:0', prefix .. 'order_lines:0', prefix .. 'product:0:sold'
  local products, users, totals = prefix .. 'report:products', prefix .. 'report:users', prefix .. 'report:totals'
  local quarantine, chunks = prefix .. 'projector:quarantine', prefix .. 'projector:chunks'
  local audit, lease = prefix .. 'projector:audit', prefix .. 'projector:audit-lease'

  local writes = {
    {'HINCRBY', chunks, 'begun', '1'}, {'HSET', chunks, 'finished', '1'},
    {'MSET', counter, '1'},
    {'ZADD', products, '1', '0'}, {'ZREM', products, '0'}, {'ZADD', users, '1', '0'}, {'ZREM', users, '0'},
    {'HINCRBY', totals, 'orders', '1'},
    {'HSET', order, 'id', '0'}, {'HDEL', order, 'id'}, {'DEL', order},
    {'MSET', items, '0:0:0'}, {'DEL', items},
    {'HSET', quarantine, '0', '0'}, {'HDEL', quarantine, '0'},
    {'HSET', audit, 'requested', '0'},
    {'SET', position, ''},
  }
  local reads = {
    {'GET', position}, {'MGET', position}, {'HMGET', chunks, 'begun'},
    {'TYPE', audit}, {'GET', lease}, {'TYPE', quarantine}, {'HKEYS', quarantine}, {'TYPE', products}, {'TYPE', users}, {'TYPE', totals},
    {'HMGET', totals, 'orders'}, {'HMGET', order, 'id'}, {'GET', items}, {'EXISTS', order}, {'EXISTS', items}, {'EXISTS', counter},
    {'MGET', counter}, {'TYPE', counter}, {'ZMSCORE', users, '0'}, {'TIME'},
  }
  for _, commands in ipairs(reads_too and {writes, reads} or {writes}) do
    for _, command in ipairs(commands) do
      if not redis.acl_check_cmd(unpack(command)) then
        return 'NOPERM this user has no permission to run ' .. command[1] .. ' on ' .. (command[2] or 'the server')
      end
    end
  end
  return nil
end
