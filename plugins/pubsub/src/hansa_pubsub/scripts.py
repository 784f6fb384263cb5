"""The steps of publish and subscribe inside Redis, each a script: nothing is half done when a worker,
or Redis itself, dies in between.

A message is stored once, with the names of the subscriptions that have yet to acknowledge it. A
subscription has two sorted sets: `queue`, its messages by priority and order of publication, until
they are acknowledged; and `taken`, those of them that are given out, or wait for another attempt,
by the time in ms until which nobody else gets them. `given` has for each how often it was given out,
and the token of the one who has it, which is the fence that a late finisher does not pass.

The first key of each script is `messages`; all others have the prefix of its first argument, and
the same hash tag. Times are those of Redis.
"""

from __future__ import annotations

_COMMON = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local P = ARGV[1]
local MESSAGES, REFS, EXPIRY = KEYS[1], P .. ':refs', P .. ':expiry'
local DEPTH, COUNTS = P .. ':depth', P .. ':counts'
local function queue(sub) return P .. ':queue:' .. sub end
local function taken(sub) return P .. ':taken:' .. sub end
local function given(sub) return P .. ':given:' .. sub end
local function count(what, of, by) redis.call('HINCRBY', COUNTS, what .. ' ' .. of, by or 1) end
local function leave(id, sub)
  redis.call('ZREM', queue(sub), id)
  redis.call('ZREM', taken(sub), id)
  redis.call('HDEL', given(sub), id)
end
local function forget(id, ref)
  redis.call('HDEL', MESSAGES, id)
  redis.call('HDEL', REFS, id)
  redis.call('ZREM', EXPIRY, id)
  redis.call('HINCRBY', DEPTH, 'count ' .. ref.topic, -1)
  redis.call('HINCRBY', DEPTH, 'bytes ' .. ref.topic, -ref.size)
end
local function settle(id, sub)
  leave(id, sub)
  local text = redis.call('HGET', REFS, id)
  if not text then return end
  local ref = cjson.decode(text)
  local left = {}
  for _, one in ipairs(ref.subs) do if one ~= sub then left[#left + 1] = one end end
  if #left == 0 then forget(id, ref) return end
  ref.subs = left
  redis.call('HSET', REFS, id, cjson.encode(ref))
end
local function expire(id)
  local text = redis.call('HGET', REFS, id)
  if not text then redis.call('ZREM', EXPIRY, id) return end
  local ref = cjson.decode(text)
  for _, sub in ipairs(ref.subs) do
    leave(id, sub)
    count('expired', sub)
  end
  forget(id, ref)
end
local function sweep(most)
  local due = redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', now, 'LIMIT', 0, most)
  for _, id in ipairs(due) do expire(id) end
  return #due
end
"""

PUBLISH = (
    _COMMON
    + """
-- prefix, id, message, topic, priority, ms to live, most messages, most bytes, subscriptions, mode
local id, message, topic = ARGV[2], ARGV[3], ARGV[4]
-- a Redis whose memory is full refuses this one, and then the rest is not begun
count('asked', topic)
sweep(50)
local subs = cjson.decode(ARGV[9])
local score = (9 - ARGV[5]) * 281474976710656
local known = redis.call('HGET', REFS, id)
if known then
  local ref = cjson.decode(known)
  if ref.topic ~= topic then return -1 end
  if ARGV[10] == 'new' then return 2 end
  -- one that failed comes back to its subscription while others still have it
  for _, sub in ipairs(subs) do
    if not redis.call('ZSCORE', queue(sub), id) then
      redis.call('ZADD', queue(sub), score + redis.call('INCR', P .. ':order'), id)
      ref.subs[#ref.subs + 1] = sub
    end
  end
  redis.call('HSET', REFS, id, cjson.encode(ref))
  return 1
end
local held = tonumber(redis.call('HGET', DEPTH, 'count ' .. topic) or 0)
local bytes = tonumber(redis.call('HGET', DEPTH, 'bytes ' .. topic) or 0)
if held >= tonumber(ARGV[7]) or bytes + #message > tonumber(ARGV[8]) then
  count('refused', topic)
  return 0
end
count('published', topic)
if #subs == 0 then
  count('unsubscribed', topic)
  return 1
end
score = score + redis.call('INCR', P .. ':order')
for _, sub in ipairs(subs) do redis.call('ZADD', queue(sub), score, id) end
redis.call('HSET', MESSAGES, id, message)
redis.call('HSET', REFS, id, cjson.encode({topic = topic, size = #message, subs = subs}))
redis.call('ZADD', EXPIRY, now + ARGV[6], id)
redis.call('HINCRBY', DEPTH, 'count ' .. topic, 1)
redis.call('HINCRBY', DEPTH, 'bytes ' .. topic, #message)
redis.call('LPUSH', P .. ':wake', '1')
redis.call('LTRIM', P .. ':wake', 0, 63)
return 1
"""
)

TAKE = (
    _COMMON
    + """
-- prefix, subscription, most messages, most bytes, most at the same time, ms, token
local sub = ARGV[2]
sweep(50)
local most, room = tonumber(ARGV[3]), tonumber(ARGV[4])
local live = redis.call('ZCOUNT', taken(sub), '(' .. now, '+inf')
most = math.min(most, tonumber(ARGV[5]) - live)
local found = {}
if most <= 0 then return found end
local candidates = redis.call('ZRANGE', queue(sub), 0, live + most - 1)
for _, id in ipairs(candidates) do
  local ends = redis.call('ZSCORE', taken(sub), id)
  if #found / 3 < most and not (ends and tonumber(ends) > now) then
    local message = redis.call('HGET', MESSAGES, id)
    if not message then
      leave(id, sub)
    else
      room = room - #message
      if room < 0 and #found > 0 then break end
      local before = redis.call('HGET', given(sub), id)
      local attempts = before and tonumber(string.match(before, '^%d+')) or 0
      redis.call('ZREM', taken(sub), id)
      redis.call('ZADD', taken(sub), now + ARGV[6], id)
      redis.call('HSET', given(sub), id, (attempts + 1) .. ' ' .. ARGV[7])
      found[#found + 1] = id
      found[#found + 1] = attempts + 1
      found[#found + 1] = message
    end
  end
end
return found
"""
)

SETTLE = (
    _COMMON
    + """
-- prefix, subscription, id, token or nothing, what is counted
local sub, id = ARGV[2], ARGV[3]
local has = redis.call('HGET', given(sub), id)
if not has then return 0 end
if ARGV[4] ~= '' and string.match(has, ' (.*)$') ~= ARGV[4] then
  count('late', sub)
  return 0
end
settle(id, sub)
count(ARGV[5], sub)
return 1
"""
)

AGAIN = (
    _COMMON
    + """
-- prefix, subscription, id, token or nothing, ms until the next attempt
local sub, id = ARGV[2], ARGV[3]
local has = redis.call('HGET', given(sub), id)
if not has then return 0 end
local attempts, token = string.match(has, '^(%d+) (.*)$')
if ARGV[4] ~= '' and token ~= ARGV[4] then
  count('late', sub)
  return 0
end
redis.call('ZREM', taken(sub), id)
redis.call('ZADD', taken(sub), now + ARGV[5], id)
redis.call('HSET', given(sub), id, attempts .. ' -')
count('retried', sub)
return tonumber(attempts)
"""
)

HOLD = (
    _COMMON
    + """
-- prefix, ms, (subscription, id, token) ...
local held = 0
for i = 3, #ARGV, 3 do
  local sub, id = ARGV[i], ARGV[i + 1]
  local has = redis.call('HGET', given(sub), id)
  if has and string.match(has, ' (.*)$') == ARGV[i + 2] then
    redis.call('ZADD', taken(sub), 'XX', now + ARGV[2], id)
    held = held + 1
  end
end
return held
"""
)

READY = (
    _COMMON
    + """
-- prefix, (subscription, most at the same time) ...
local found = {}
for i = 2, #ARGV, 2 do
  local sub = ARGV[i]
  local all = redis.call('ZCARD', queue(sub))
  local room = 0
  if all > 0 then
    local live = redis.call('ZCOUNT', taken(sub), '(' .. now, '+inf')
    room = math.max(0, math.min(all, tonumber(ARGV[i + 1])) - live)
  end
  found[#found + 1] = room
end
return found
"""
)

EMPTY = (
    _COMMON
    + """
-- prefix, subscription, most messages
local sub = ARGV[2]
local ids = redis.call('ZRANGE', queue(sub), 0, ARGV[3] - 1)
for _, id in ipairs(ids) do settle(id, sub) end
if #ids > 0 then count('deleted', sub, #ids) end
return #ids
"""
)

LEAVE = (
    _COMMON
    + """
-- prefix, subscription, ids
local sub = ARGV[2]
for i = 3, #ARGV do settle(ARGV[i], sub) end
count('deleted', sub, #ARGV - 2)
"""
)

SWEEP = (
    _COMMON
    + """
-- prefix, most messages
return sweep(ARGV[2])
"""
)
