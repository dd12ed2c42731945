--[[
  Applies one chunk of patches, or nothing (I1, I4, I5).

  The script rejects the chunk if the stored position is not the expected one. There are three causes: another worker has moved
  the position, Redis has lost writes, or this very chunk was applied and its reply was lost. The reply contains the stored
  position, so that the caller can tell which cause it is.

  The script reads and computes everything before it writes. So an error while reading changes nothing. Of the writes only the
  first one can fail, because Redis may accept no writes at that moment. A call of Redis costs more than the work of its command.
  So the script reads and writes keys of one kind together.

  `projector:chunks` detects a chunk that Redis repeated. The first write increments `begun`. The last write sets `finished` to
  the value that `begun` got. So a chunk that ran once leaves both equal. Redis can repeat a chunk, or its beginning:
    1. Redis stops while it writes a chunk, and its append-only file ends within the MULTI of that chunk.
    2. Redis starts, and keeps the open MULTI in the file. It appends the next chunk to the file after it.
    3. Redis starts again, and runs the commands of the open MULTI together with that next chunk.
  The increment of `begun` then happens twice, but setting `finished` twice has the same result as once. So both differ for ever.

  KEYS[1]  position of (topic, partition)
  ARGV     expected position ('' = none stored), new position, key prefix, layout of the read model,
           and the chunk, as a JSON array of the parts below. One argument is read faster than thousands of them.
           Units, minor units and numbers of texts are JSON numbers. Everything else is text.
           1  names of the extra columns
           2  products whose counter must exist, each with the units that the created orders sold
           3  users, each with the minor units that they spent on the created orders
           4  of the created orders, which Redis probably does not hold: units, minor units as a multiple of 10^8 and the rest, number of
              orders in these sums, number of orders in part 5 (0 for the sums of an initial load, whose orders load.lua has written)
           5  these orders, each: order id, user id, total amount, per extra column '+text' or '-' (NULL), items_count, items,
              line items in their stored form: 'item id:product_id:quantity;...', by item id
              (the user id, or a product_id, is empty if there is none)
           6  records to quarantine, each: name, entry
           7  names of quarantined records that these patches settle: their entries are removed
           8  number of other patches
           9  these patches, each:
              order id
              row: 'keep' | 'upsert' | 'replace' | 'clear' | 'hide'
                   (replace and clear delete the order and its line items first; clear and hide leave no row)
              for upsert and replace: user id, total amount, then per extra column '+text' or '-' (NULL)
              number of texts that follow, then each line item: item id, 'product_id:quantity' or '' (deleted)
           10 decimals of the amounts of line items. -1 if orders have an amount of their own. Else every line item is
              'product_id:quantity:amount', also in its stored form, and the amount of an order is the sum over its line items:
              the total amount in part 9 is empty
           11 why an audit is necessary, or nothing: the text of the request, and 1 if a table was truncated. A TRUNCATE leaves no events
              of the rows that it removes, so such a chunk is applied only while an audit repairs. 0: the script does not check that
  Units and minor units are in the smallest unit of the decimals: the quantity '0.25' is 25.
  Ids, amounts and positions are text and stay text, because a Lua number rounds beyond 2^53 (I8). Quantities have at most 10
  digits and amounts 15 (checked by decode/). So they are exact numbers, and so are the sums of the units of a chunk. The sum of all
  amounts of a chunk is kept in two parts.

           then, only in the layout `partitioned` (docs/cluster.md), how the differences of counters and reports go to the outbox
           (redis-model/outbox.ts), 'FROM TO MERGED KEEP': the offsets of both positions; the offset up to which the reports contained this
           partition KEEP ms ago; for how many ms entries stay in the outbox. After this slot has lost writes, MERGED can exceed TO
           'none' instead: the differences are dropped, because the caller computes counters and reports from the orders afterwards.
           In the other layout the script writes counters and reports itself.

  Returns  {'applied', number of patches, entry of the outbox or ''}
           {'rejected', stored position}          the write was rejected
           {'layout', stored layout}             the read model was built with other settings
           {'corrupt', order id, what is wrong}  the order is corrupt: another program wrote to its keys
           {'unaudited'}                         a table was truncated, and no audit repairs
           After the last four replies Redis is unchanged.
  Errors   'CORRUPT <key> <what is wrong>'       nothing was written
           'NOPERM this user has no permission to run <command> on <key>'
           (the right was removed from a running worker); nothing was written
           Redis' own errors (WRONGTYPE, OOM, READONLY, ...); nothing was written
]]
local stored = call('GET', KEYS[1]) or ''
if stored ~= ARGV[1] then return {'rejected', stored} end

local prefix = ARGV[3]
local extra_names, products_named, created_spent, created_sums, created, quarantined, settled, patch_count, patches, item_decimals, audit =
  unpack(cjson.decode(ARGV[5]))

-- Where the differences of counters and reports go. nil: the keys are here, and this script writes them.
local outbox_order = ARGV[6]
local has_reports = not outbox_order
local QUARANTINE, LAYOUT = prefix .. 'projector:quarantine', prefix .. 'projector:layout'
local CHUNKS, AUDIT, OUTBOX = prefix .. 'projector:chunks', prefix .. 'projector:audit', prefix .. 'projector:outbox'

-- Data that was built with other settings must not be mixed with the data of this worker (I13).
local layout = call('GET', LAYOUT)
if layout and layout ~= ARGV[4] then return {'layout', layout} end

-- The rows that a TRUNCATE removes leave no events. Only an audit that repairs removes them from Redis.
local audit_request, is_truncated = audit[1], audit[2] == 1
if is_truncated and not string.find(call('GET', prefix .. 'projector:audit-lease') or '', '^%S+ audit%-repair ') then
  return {'unaudited'}
end

local types = has_reports and report_types(prefix) or {[OUTBOX] = 'list'}
types[QUARANTINE] = 'hash'
if audit_request then types[AUDIT] = 'hash' end
local failed = check_types(types)
if failed then return failed end
-- Every chunk writes totals and layout together with its position. If one of them is missing, only a part of the data was restored.
failed = has_reports and check_totals(prefix .. 'report:totals', stored ~= '')
if failed then return failed end
if stored ~= '' and not layout then return corrupt(LAYOUT, 'is missing, although Redis holds a position') end
failed = check_chunks(CHUNKS)
if failed then return failed end
