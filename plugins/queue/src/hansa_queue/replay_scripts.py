"""The steps of replays inside Redis. A replay is a hash; the messages that it has still to send are
a sorted set by the time of their failure. What becomes of a message is counted by the step that
ends it (`FINISH`), so that the tally is exact whichever worker dies.

The first write of each step on a replay that goes on only takes away, see `scripts`; none begins
while the memory of Redis is full.
"""

from __future__ import annotations

from .failed_scripts import SEND, failed_keys
from .scripts import NOW

TAKE = """
-- left, failed | seconds that this may wait for its replay, ids
for i = 2, #ARGV do
  local at = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if at then redis.call('ZADD', KEYS[1], at, ARGV[i]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""

TAKE_RANGE = """
-- left, sources ... | seconds that this may wait for its replay, from, to
redis.call('ZUNIONSTORE', KEYS[1], #KEYS, unpack(KEYS))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. ARGV[3], 'inf')
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""

BEGIN = (
    NOW
    + """
-- replay, left, replays, active | id, prefix of replays, rate, batch, by, what is replayed
local wanted = redis.call('ZCARD', KEYS[2])
local other = ''
for _, id in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  local before = redis.call('ZCARD', KEYS[2])
  redis.call('ZDIFFSTORE', KEYS[2], 2, KEYS[2], ARGV[2] .. id .. ':left')
  if redis.call('ZCARD', KEYS[2]) < before then other = id end
end
local total = redis.call('ZCARD', KEYS[2])
if total == 0 then return {0, wanted, other} end
redis.call('PERSIST', KEYS[2])
redis.call('HSET', KEYS[1], 'state', 'running', 'rate', ARGV[3], 'batch', ARGV[4], 'by', ARGV[5],
  'what', ARGV[6], 'at', now, 'total', total, 'pause_at', ARGV[4])
redis.call('ZADD', KEYS[3], now, ARGV[1])
redis.call('SADD', KEYS[4], ARGV[1])
return {total, wanted - total, other}
"""
)

_END = """
local function finish(state, left)
  redis.call('UNLINK', remaining)
  redis.call('HSET', replay, 'state', state, 'left', left, 'ended', now)
  redis.call('SREM', active, ARGV[1])
end
"""


def _replay_keys(first: int) -> str:
    """Return the beginning of a script whose keys from this number on are those of a replay."""
    return (
        f"local replay, remaining, active = KEYS[{first}], KEYS[{first + 1}], KEYS[{first + 2}]\n"
    )


STEP = (
    NOW
    + failed_keys(4)
    + SEND
    + _replay_keys(10)
    + _END
    + """
-- stream, delayed, counts, failed messages (6), replay, left, active |
-- id, holder, ms of a lease, maximum that may wait, most that are sent
local r = redis.call('HMGET', replay, 'state', 'holder', 'held_until', 'rate', 'paced', 'sent',
  'pause_at', 'succeeded', 'failed')
if not r[1] then redis.call('SREM', active, ARGV[1]) end
if r[1] ~= 'running' then return 0 end
if r[2] and r[2] ~= ARGV[2] and tonumber(r[3]) > now then return 0 end
-- not each time: a Redis that loses nothing syncs its disk for each write
if r[2] ~= ARGV[2] or tonumber(r[3]) < now + ARGV[3] / 2 then
  redis.call('HDEL', replay, 'holder')
  redis.call('HSET', replay, 'holder', ARGV[2], 'held_until', now + ARGV[3])
end
local left = redis.call('ZCARD', remaining)
local sent = tonumber(r[6] or 0)
if left == 0 then
  if sent == tonumber(r[8] or 0) + tonumber(r[9] or 0) then finish('finished', 0) end
  return 0
end
local gap = 1000 / tonumber(r[4])
local paced = math.max(tonumber(r[5] or now), now - math.max(250, gap))
if paced > now then return 0 end
local due = math.min(math.floor((now - paced) / gap) + 1, left, tonumber(ARGV[5]), room(ARGV[4]))
local pause_at = tonumber(r[7])
if pause_at > 0 then due = math.min(due, pause_at - sent) end
if due <= 0 then return 0 end
local popped, ids = redis.call('ZPOPMIN', remaining, due), {}
for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
local done = send(ids, ARGV[1])
redis.call('HINCRBY', replay, 'sent', done)
redis.call('HINCRBY', replay, 'missing', #ids - done)
redis.call('HSET', replay, 'paced', string.format('%.3f', paced + done * gap))
if pause_at > 0 and sent + done >= pause_at and left > #ids then
  redis.call('HSET', replay, 'state', 'paused')
end
return done
"""
)

STOP = (
    NOW
    + _replay_keys(1)
    + _END
    + """
-- replay, left, active | id
local state = redis.call('HGET', replay, 'state')
if state == 'running' or state == 'paused' then
  finish('stopped', redis.call('ZCARD', remaining))
  return 'stopped'
end
return state or ''
"""
)

PAUSE = """
-- replay |
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'running' then
  redis.call('HDEL', KEYS[1], 'paced')
  redis.call('HSET', KEYS[1], 'state', 'paused')
  state = 'paused'
end
return state or ''
"""

RESUME = """
-- replay | messages until the next pause, or 0, new rate, or 0
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'paused' or state == 'running' then
  local pause_at = 0
  if tonumber(ARGV[1]) > 0 then
    pause_at = tonumber(redis.call('HGET', KEYS[1], 'sent') or 0) + ARGV[1]
  end
  redis.call('HDEL', KEYS[1], 'paced')
  redis.call('HSET', KEYS[1], 'state', 'running', 'pause_at', pause_at)
  if tonumber(ARGV[2]) > 0 then redis.call('HSET', KEYS[1], 'rate', ARGV[2]) end
  state = 'running'
end
return state or ''
"""

FORGET = (
    NOW
    + """
-- replays, active | prefix of replays, ms for which they are kept
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2], 'LIMIT', 0, 1000)
for _, id in ipairs(old) do
  local ended = redis.call('HGET', ARGV[1] .. id, 'ended')
  if redis.call('SISMEMBER', KEYS[2], id) == 0 and (not ended or tonumber(ended) < now - ARGV[2]) then
    redis.call('ZREM', KEYS[1], id)
    redis.call('DEL', ARGV[1] .. id)
  end
end
"""
)
