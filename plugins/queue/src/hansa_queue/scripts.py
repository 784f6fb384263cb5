"""The steps of the queue inside Redis, each a script: nothing is half done when a worker, or Redis
itself, dies in between.

The first write of each only takes away, which Redis allows when its memory is full; what follows in
a script is then allowed too. Times are those of Redis, so that no clock of a server matters. A
message belongs to the worker that the group's list of pending messages names, with the number of
its delivery: together they are the fence that a late finisher does not pass.
"""

from __future__ import annotations

from .failed_scripts import failed_keys

NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

PUT = """
-- stream, delayed, counts | maximum that may wait, calls: as many of them as there is room for
local room = tonumber(ARGV[1]) - redis.call('XLEN', KEYS[1]) - redis.call('ZCARD', KEYS[2])
local n = math.min(room, #ARGV - 1)
if n <= 0 then return 0 end
for i = 2, n + 1 do redis.call('XADD', KEYS[1], '*', 'call', ARGV[i]) end
redis.call('HINCRBY', KEYS[3], 'accepted', n)
return n
"""

PUT_LATER = (
    NOW
    + """
-- stream, delayed, counts | maximum that may wait, delay in ms, unique id, calls
local n = #ARGV - 3
if redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) + n > tonumber(ARGV[1]) then return 0 end
for i = 4, #ARGV do
  redis.call('ZADD', KEYS[2], now + ARGV[2], string.format('%s-%06d ', ARGV[3], i) .. ARGV[i])
end
redis.call('HINCRBY', KEYS[3], 'accepted', n)
return 1
"""
)

PUT_GROUP = """
-- stream, delayed, counts, group | maximum that may wait, call that ends the group or nothing, calls
local n = #ARGV - 2
if redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) + n > tonumber(ARGV[1]) then return 0 end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[4], 'left', n, 'final', ARGV[2]) end
for i = 3, #ARGV do redis.call('XADD', KEYS[1], '*', 'call', ARGV[i]) end
redis.call('HINCRBY', KEYS[3], 'accepted', n)
return 1
"""

_READ_ON = """
-- by eights, so that the answer holds a megabyte and eight calls at most
local function read_on(most)
  local read, bytes = {}, 0
  while most > 0 and bytes < 1000000 do
    local count = math.min(most, 8)
    local found = redis.call(
      'XREADGROUP', 'GROUP', 'workers', ARGV[1], 'COUNT', count, 'STREAMS', KEYS[1], '>')
    local entries = found and found[1][2] or {}
    for _, entry in ipairs(entries) do
      read[#read + 1] = entry
      bytes = bytes + #entry[2][2]
    end
    most = #entries == count and most - count or 0
  end
  return read
end
"""

# PERF: most calls end well and have nobody to tell; what is not sent need not be packed, parsed and
# unpacked, and those that have ended together go together
DONE = (
    """
-- stream, counts | holder, asked before, most to read, (id, delivery) ...
"""
    + _READ_ON
    + """
local statuses, ended, refused = {}, {}, 0
for i = 4, #ARGV, 2 do
  local mine = redis.call('XPENDING', KEYS[1], 'workers', ARGV[i], ARGV[i], 1)[1]
  local status = 1
  if not mine and ARGV[2] == '1' then
    status = 2
  elseif not mine or mine[2] ~= ARGV[1] or mine[4] ~= tonumber(ARGV[i + 1]) then
    status = 0
    refused = refused + 1
  else
    ended[#ended + 1] = ARGV[i]
  end
  statuses[#statuses + 1] = status
end
if #ended > 0 then
  redis.call('XACK', KEYS[1], 'workers', unpack(ended))
  redis.call('XDEL', KEYS[1], unpack(ended))
  redis.call('HINCRBY', KEYS[2], 'finished', #ended)
end
-- where memory is full, this alone is not counted
if refused > 0 then redis.pcall('HINCRBY', KEYS[2], 'refused', refused) end
return {statuses, read_on(tonumber(ARGV[3]))}
"""
)

_FENCE = """
local mine = redis.call('XPENDING', KEYS[1], 'workers', ARGV[2], ARGV[2], 1)[1]
local status = 1
if not mine and ARGV[4] == '1' then
  status = 2
elseif not mine or mine[2] ~= ARGV[1] or mine[4] ~= tonumber(ARGV[3]) then
  status = 0
  -- where memory is full, this alone is not counted
  redis.pcall('HINCRBY', KEYS[2], 'refused', 1)
else
  redis.call('XACK', KEYS[1], 'workers', ARGV[2])
  redis.call('XDEL', KEYS[1], ARGV[2])
"""

FINISH = (
    NOW
    + failed_keys(4)
    + _READ_ON
    + """
-- stream, counts, delayed, failed messages (6), group, replay |
-- holder, id, delivery, asked before, most to read, outcome, delay, call, info, maximum that may wait,
-- target, its state, group of the failure, what it is about, cid, replay or nothing,
-- (call, info, group, what it is about, cid) ...
"""
    + _FENCE
    + """
  local replayed = ARGV[16] ~= '' and redis.call('EXISTS', KEYS[11]) == 1
  if ARGV[6] == 'done' then
    redis.call('HINCRBY', KEYS[2], 'finished', 1)
    if replayed then redis.call('HINCRBY', KEYS[11], 'succeeded', 1) end
  elseif ARGV[6] == 'again' then
    redis.call('ZADD', KEYS[3], now + ARGV[7], ARGV[2] .. ' ' .. ARGV[8])
    redis.call('HINCRBY', KEYS[2], 'retried', 1)
  else
    keep(ARGV[2], now, ARGV[8], ARGV[9], ARGV[13], ARGV[14], ARGV[15])
    redis.call('HINCRBY', KEYS[2], 'failed', 1)
    if replayed then
      redis.call('HINCRBY', KEYS[11], 'failed', 1)
      redis.call('HINCRBY', KEYS[11], 'count ' .. ARGV[13], 1)
      redis.call('HSETNX', KEYS[11], 'about ' .. ARGV[13], ARGV[14])
    end
  end
  for i = 17, #ARGV, 5 do
    local info = ARGV[i + 1]
    local held = string.sub(info, 1, 1) == '!'
    if not held and redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[3]) < tonumber(ARGV[10]) then
      redis.call('XADD', KEYS[1], '*', 'call', ARGV[i])
    else
      if held then info = string.sub(info, 2) end
      keep(ARGV[2] .. '-' .. i, now, ARGV[i], info, ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
      redis.call('HINCRBY', KEYS[2], 'failed', 1)
    end
    redis.call('HINCRBY', KEYS[2], 'accepted', 1)
  end
  if ARGV[11] ~= '' and redis.call('HEXISTS', KEYS[10], 'left') == 1
      and redis.call('HSETNX', KEYS[10], 'of ' .. ARGV[11], ARGV[12]) == 1
      and redis.call('HINCRBY', KEYS[10], 'left', -1) == 0 then
    redis.call('XADD', KEYS[1], '*', 'call', redis.call('HGET', KEYS[10], 'final'))
    redis.call('HINCRBY', KEYS[2], 'accepted', 1)
  end
end
return {{status}, read_on(tonumber(ARGV[5]))}
"""
)

CLAIM = """
-- stream | holder, idle ms
for _, left in ipairs(redis.call('XPENDING', KEYS[1], 'workers', 'IDLE', ARGV[2], '-', '+', 10)) do
  local found = redis.call('XCLAIM', KEYS[1], 'workers', ARGV[1], ARGV[2], left[1])[1]
  if found then return {found[1], found[2], left[4] + 1, left[2]} end
  redis.call('XACK', KEYS[1], 'workers', left[1])
end
return false
"""

HOLD = """
-- stream | holder, idle ms to set, (id, delivery, how many deliveries are to count) ...
local lost = {}
for i = 3, #ARGV, 3 do
  local mine = redis.call('XPENDING', KEYS[1], 'workers', ARGV[i], ARGV[i], 1)[1]
  if mine and mine[2] == ARGV[1] and mine[4] == tonumber(ARGV[i + 1]) then
    redis.call('XCLAIM', KEYS[1], 'workers', ARGV[1], 0, ARGV[i], 'IDLE', ARGV[2],
      'RETRYCOUNT', ARGV[i + 2], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
"""

MOVE_DUE = (
    NOW
    + """
-- delayed, stream, removals, active replays
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
for _, member in ipairs(due) do
  redis.call('ZREM', KEYS[1], member)
  redis.call('XADD', KEYS[2], '*', 'call', string.sub(member, string.find(member, ' ', 1, true) + 1))
end
local following = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local left = following and math.max(0, math.ceil(tonumber(following) - now)) or -1
return {#due, left, redis.call('EXISTS', KEYS[3], KEYS[4])}
"""
)

FORGET_CONSUMERS = """
-- stream | idle ms, one to forget in any case
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], 'workers')) do
  local one = {}
  for i = 1, #row, 2 do one[row[i]] = row[i + 1] end
  if one['pending'] == 0 and (one['idle'] > tonumber(ARGV[1]) or one['name'] == ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], 'workers', one['name'])
  end
end
"""

SAMPLE = (
    NOW
    + """
-- samples, counts | ms between two, most kept
local last = redis.call('LINDEX', KEYS[1], 0)
if last and now - tonumber(string.match(last, '^%d+')) < tonumber(ARGV[1]) then return end
local c = redis.call('HMGET', KEYS[2], 'accepted', 'finished', 'failed')
redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 2)
redis.call('LPUSH', KEYS[1], table.concat({now, c[1] or 0, c[2] or 0, c[3] or 0}, ' '))
"""
)
