--[[
  Asks whether this user may run every command of apply.lua on the keys it touches; writes nothing.

  A script is not rolled back: a right that is missing half way through apply.lua would leave half a chunk (I5). So a worker
  asks once, at start. Redis before 7.0 cannot be asked; there the answer is 'ok'.

  KEYS[1]  position of a (topic, partition)
  ARGV[1]  key prefix

  Returns  'ok'
  Errors   'NOPERM <command> on <key>'
]]
if not redis.acl_check_cmd then return 'ok' end

local prefix = ARGV[1]
local order, lines, counter = prefix .. 'order:0', prefix .. 'order_lines:0', prefix .. 'product:0:sold'
local products, users, totals = prefix .. 'report:products', prefix .. 'report:users', prefix .. 'report:totals'
local position, quarantine = KEYS[1], prefix .. 'projector:quarantine'

local commands = {
  {'GET', position}, {'MGET', position}, {'SET', position, ''},
  {'TYPE', quarantine}, {'HKEYS', quarantine}, {'HSET', quarantine, '0', '0'}, {'HDEL', quarantine, '0'},
  {'HMGET', order, 'id'}, {'HSET', order, 'id', '0'}, {'HDEL', order, 'id'}, {'DEL', order},
  {'HGETALL', lines}, {'HSET', lines, '0', '0:0'}, {'HDEL', lines, '0'}, {'DEL', lines},
  {'EXISTS', counter}, {'INCRBY', counter, '1'}, {'DECRBY', counter, '1'}, {'DEL', counter},
  {'TYPE', products}, {'ZINCRBY', products, '1', '0'}, {'ZREM', products, '0'},
  {'TYPE', users}, {'ZINCRBY', users, '1', '0'}, {'ZREM', users, '0'},
  {'TYPE', totals}, {'HMGET', totals, 'orders'}, {'HINCRBY', totals, 'orders', '1'},
}
for _, command in ipairs(commands) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM ' .. command[1] .. ' on ' .. command[2])
  end
end
return 'ok'
