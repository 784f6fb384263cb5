"""The steps on failed messages inside Redis: filed, taken out, replayed, deleted, edited.

Failed messages have an index beside their calls and infos: by time, by group and by correlation id,
so that groups, counts and pages of 100,000 messages are read without reading the messages. Only
what is in the sorted set by time is there: many messages are deleted by taking them out of it, and
what they leave is removed in parts afterwards.
"""

from __future__ import annotations

_FUNCTIONS = """
local function place(id, at, group, about, cid)
  redis.call('ZADD', failed .. ':group:' .. group, at, id)
  redis.call('HSETNX', groups, group, about)
  redis.call('HSET', places, id, group .. ' ' .. cid)
  redis.call('ZADD', cids, 0, cid .. '\\0' .. id)
end
local function displace(ids)
  local of = redis.call('HMGET', places, unpack(ids))
  redis.call('HDEL', places, unpack(ids))
  local members, by_group = {}, {}
  for i = 1, #ids do
    if of[i] then
      local group = string.sub(of[i], 1, 12)
      members[#members + 1] = string.sub(of[i], 14) .. '\\0' .. ids[i]
      by_group[group] = by_group[group] or {}
      table.insert(by_group[group], ids[i])
    end
  end
  if #members > 0 then redis.call('ZREM', cids, unpack(members)) end
  for group, its in pairs(by_group) do
    local key = failed .. ':group:' .. group
    redis.call('ZREM', key, unpack(its))
    if redis.call('EXISTS', key) == 0 then redis.call('HDEL', groups, group) end
  end
end
local function keep(id, at, call, info, group, about, cid)
  redis.call('ZADD', failed, at, id)
  redis.call('HSET', calls, id, call)
  redis.call('HSET', infos, id, info)
  place(id, at, group, about, cid)
end
local function drop(ids)
  local there = redis.call('ZREM', failed, unpack(ids))
  redis.call('HDEL', calls, unpack(ids))
  redis.call('HDEL', infos, unpack(ids))
  displace(ids)
  return there
end
"""


def failed_keys(first: int) -> str:
    """Return the beginning of a script whose keys from this number on are those of the failed
    messages: names for the keys, and functions on messages, of which a call takes up to 1,000.
    """
    names = ("failed", "calls", "infos", "groups", "places", "cids")
    keys = ", ".join(f"KEYS[{first + index}]" for index in range(len(names)))
    return f"local {', '.join(names)} = {keys}\n{_FUNCTIONS}"


# what follows splits the first brace off: the stored call of a failed message is an object that
# names no replay, see `running`
SEND = """
local function send(ids, replay)
  local times, going = redis.call('ZMSCORE', failed, unpack(ids)), {}
  for i = 1, #ids do
    if times[i] then going[#going + 1] = ids[i] end
  end
  if #going == 0 then return 0 end
  local of = redis.call('HMGET', calls, unpack(going))
  drop(going)
  for _, call in ipairs(of) do
    if replay ~= '' then call = '{"replay":"' .. replay .. '",' .. string.sub(call, 2) end
    redis.call('XADD', KEYS[1], '*', 'call', call)
  end
  redis.call('HINCRBY', KEYS[3], 'replayed', #going)
  return #going
end
local function room(most)
  return tonumber(most) - redis.call('XLEN', KEYS[1]) - redis.call('ZCARD', KEYS[2])
end
"""

REPLAY = (
    failed_keys(4)
    + SEND
    + """
-- stream, delayed, counts, failed messages (6) | maximum that may wait, ids
local there, missing = {}, {}
for i = 2, #ARGV do
  table.insert(redis.call('ZSCORE', failed, ARGV[i]) and there or missing, ARGV[i])
end
local free = math.min(#there, math.max(0, room(ARGV[1])))
if free > 0 then send({unpack(there, 1, free)}, '') end
return {free, #there - free, missing}
"""
)

REPLAY_RANGE = (
    failed_keys(4)
    + SEND
    + """
-- stream, delayed, counts, failed messages (6), source | maximum that may wait, from, to, at most
local free = math.min(tonumber(ARGV[4]), room(ARGV[1]))
if free <= 0 then return {0, 0} end
local ids = redis.call('ZRANGEBYSCORE', KEYS[10], ARGV[2], ARGV[3], 'LIMIT', 0, free)
if #ids == 0 then return {0, 0} end
local sent = send(ids, '')
redis.call('ZREM', KEYS[10], unpack(ids)) -- those, too, that only the index still has
return {#ids, sent}
"""
)

DELETE = (
    failed_keys(2)
    + """
-- counts, failed messages (6) | ids
local done = drop(ARGV)
if done > 0 then redis.call('HINCRBY', KEYS[1], 'deleted', done) end
return done
"""
)

DELETE_RANGE = (
    failed_keys(2)
    + """
-- counts, failed messages (6), source, removals, a new removal | from, to, name of the removal
redis.call('DEL', KEYS[10]) -- takes nothing away, so that what follows is allowed in any case
local found = redis.call('ZRANGESTORE', KEYS[10], KEYS[8], ARGV[1], ARGV[2], 'BYSCORE')
if found == 0 then return 0 end
local before = redis.call('ZCARD', failed)
local count = before - redis.call('ZDIFFSTORE', failed, 2, failed, KEYS[10])
for _, group in ipairs(redis.call('HKEYS', groups)) do
  local key = failed .. ':group:' .. group
  if KEYS[8] == key or KEYS[8] == failed then
    redis.call('ZDIFFSTORE', key, 2, key, KEYS[10])
    if redis.call('EXISTS', key) == 0 then redis.call('HDEL', groups, group) end
  end
end
redis.call('SADD', KEYS[9], ARGV[3])
redis.call('HINCRBY', KEYS[1], 'deleted', count)
return count
"""
)

REMOVE = (
    failed_keys(1)
    + """
-- failed messages (6), removals, a removal | its name, at most
local popped, ids = redis.call('ZPOPMIN', KEYS[8], ARGV[2]), {}
for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
if #ids > 0 then drop(ids) end
if redis.call('EXISTS', KEYS[8]) == 0 then redis.call('SREM', KEYS[7], ARGV[1]) end
"""
)

EDIT = (
    failed_keys(1)
    + """
-- failed messages (6) | id, call as it was read, new call, new info, group, what it is about, cid
local at = redis.call('ZSCORE', failed, ARGV[1])
if not at or redis.call('HGET', calls, ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', calls, ARGV[1], ARGV[3])
redis.call('HSET', infos, ARGV[1], ARGV[4])
displace({ARGV[1]})
place(ARGV[1], at, ARGV[5], ARGV[6], ARGV[7])
return 1
"""
)

INDEX = (
    failed_keys(1)
    + """
-- failed messages (6) | (id, group, what it is about, cid) ...
redis.call('HDEL', places, '') -- takes nothing away, so that what follows is allowed in any case
for i = 1, #ARGV, 4 do
  local at = redis.call('ZSCORE', failed, ARGV[i])
  if at and redis.call('HEXISTS', places, ARGV[i]) == 0 then
    place(ARGV[i], at, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  end
end
"""
)

UNINDEX = (
    failed_keys(1)
    + """
-- failed messages (6) | ids
local gone = {}
for _, id in ipairs(ARGV) do
  if not redis.call('ZSCORE', failed, id) then gone[#gone + 1] = id end
end
if #gone > 0 then displace(gone) end
"""
)
