"""The steps of a cache inside Redis, each a script, so that entries, their expiry and their size
always agree.

Their keys are those of `RedisStore.keys_of`: values, times of expiry, times of use, counts, and ms
that entries live which expire.
Times are those of Redis, in ms, so that no clock of a server matters.

A Redis whose memory is full refuses commands that may need more, unless a script has written
before: WRITE therefore begins with one that it refuses, the others with one that it does not.
"""

from __future__ import annotations

_COMMON = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function count(name, by) redis.call('HINCRBY', KEYS[4], name, by) end
local function drop(key)
  local size = redis.call('HSTRLEN', KEYS[1], key)
  local there = redis.call('HDEL', KEYS[1], key)
  if there == 1 then count('bytes', -(size + #key)) end
  redis.call('ZREM', KEYS[2], key)
  redis.call('ZREM', KEYS[3], key)
  redis.call('HDEL', KEYS[5], key)
  return there
end
local function sweep(most)
  local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, most)
  for _, key in ipairs(due) do drop(key) end
  if #due > 0 then count('expired', #due) end
  return #due
end
local function ends(key)
  local at = redis.call('ZSCORE', KEYS[2], key)
  return at and tonumber(at)
end
local function live(key, ms)
  redis.call('ZADD', KEYS[2], now + ms, key)
  redis.call('HSET', KEYS[5], key, ms)
end
local function is_there(key)
  local at = ends(key)
  return redis.call('HEXISTS', KEYS[1], key) == 1 and not (at and at <= now)
end
"""

WRITE = (
    _COMMON
    + """
-- key, value, ms or 0, maximum of entries, maximum of bytes, mode
local key, value = ARGV[1], ARGV[2]
if ARGV[6] ~= 'set' and is_there(key) ~= (ARGV[6] == 'replace') then return 0 end
count('written', 1)
sweep(50)
drop(key)
local size = #key + #value
local items = redis.call('HLEN', KEYS[1])
local bytes = tonumber(redis.call('HGET', KEYS[4], 'bytes') or 0)
-- a cache that was made smaller gets there by and by, and Redis answers others meanwhile
for _ = 1, 1000 do
  if items < tonumber(ARGV[4]) and bytes + size <= tonumber(ARGV[5]) then break end
  local oldest = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
  if not oldest then break end
  bytes = bytes - redis.call('HSTRLEN', KEYS[1], oldest) - #oldest
  items = items - 1
  drop(oldest)
  count('evicted', 1)
end
redis.call('HSET', KEYS[1], key, value)
redis.call('ZADD', KEYS[3], now, key)
if ARGV[3] ~= '0' then live(key, ARGV[3]) end
count('bytes', size)
return 1
"""
)

READ = (
    _COMMON
    + """
-- whether to extend, whether to count, keys
redis.call('ZREM', KEYS[2], '')
local found = {}
local hits = 0
for i = 3, #ARGV do
  local key = ARGV[i]
  local at = ends(key)
  local value = redis.call('HGET', KEYS[1], key)
  if at and at <= now then
    drop(key)
    count('expired', 1)
    value = false
  end
  if value then
    hits = hits + 1
    redis.call('ZADD', KEYS[3], now, key)
    local ms = ARGV[1] == '1' and redis.call('HGET', KEYS[5], key)
    if at and ms then
      at = now + ms
      redis.call('ZADD', KEYS[2], at, key)
    end
  end
  found[#found + 1] = value
  found[#found + 1] = at or -1
end
if ARGV[2] == '1' then
  count('hits', hits)
  count('misses', #ARGV - 2 - hits)
end
return found
"""
)

EXPIRE = (
    _COMMON
    + """
-- ms or 0, keys
local done = 0
for i = 2, #ARGV do
  local key = ARGV[i]
  if is_there(key) then
    done = done + 1
    redis.call('ZREM', KEYS[2], key)
    redis.call('HDEL', KEYS[5], key)
    if ARGV[1] ~= '0' then live(key, ARGV[1]) end
  end
end
return done
"""
)

DELETE = (
    _COMMON
    + """
-- keys
local done = 0
for i = 1, #ARGV do
  local was_there = is_there(ARGV[i])
  drop(ARGV[i])
  if was_there then done = done + 1 end
end
return done
"""
)

SWEEP = (
    _COMMON
    + """
-- most to remove
return sweep(ARGV[1])
"""
)

CLEAR = """
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[5])
redis.call('HDEL', KEYS[4], 'bytes')
"""

RELEASE = """
-- claim | holder
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
