"""The steps of a cluster in its Redis: batches in a hash, and their order in a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from hansa import Bus
from hansa_admin.writable import write_kept
from redis import Redis

from .hop import Batch
from .store import Store

PART = 50
"""Batches that are read at once."""

ADD = """
-- keys: batches, order, number of steps | id, batch, steps in it, seconds kept, most steps
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
local now = tonumber(redis.call('TIME')[1])
redis.call('RPUSH', KEYS[2], now .. ' ' .. ARGV[3] .. ' ' .. ARGV[1])
local total = redis.call('INCRBY', KEYS[3], ARGV[3])
while true do
  local oldest = redis.call('LINDEX', KEYS[2], 0)
  local at, steps, id = string.match(oldest, '^(%d+) (%d+) (.*)$')
  if total <= tonumber(ARGV[5]) and tonumber(at) > now - tonumber(ARGV[4]) then break end
  if id == ARGV[1] then break end
  redis.call('LPOP', KEYS[2])
  redis.call('HDEL', KEYS[1], id)
  total = redis.call('DECRBY', KEYS[3], steps)
end
for i = 1, 3 do redis.call('EXPIRE', KEYS[i], ARGV[4]) end
return 1
"""


class RedisStore(Store):
    """The steps of a cluster in its Redis."""

    def __init__(self, client: Redis, bus: Bus, seconds: float, most: int) -> None:
        self._client = client
        self._seconds = max(1, int(seconds))
        self._most = most
        self._batches = bus.key("trace", "batches")
        self._order = bus.key("trace", "order")
        self._steps = bus.key("trace", "steps")
        self._add = client.register_script(ADD)

    def add(self, batch: Batch) -> None:
        """Keep a batch, in one script."""
        keys = [self._batches, self._order, self._steps]
        text = write_kept(batch)
        self._add(keys=keys, args=[batch.id, text, len(batch.steps), self._seconds, self._most])

    def texts(self) -> Iterator[str]:
        """Yield the batches, the newest first."""
        order = cast("list[str]", self._client.lrange(self._order, 0, -1))
        ids = [line.rsplit(" ", 1)[1] for line in reversed(order)]
        for start in range(0, len(ids), PART):
            part = ids[start : start + PART]
            found = cast("list[str | None]", self._client.hmget(self._batches, part))
            yield from (text for text in found if text is not None)
