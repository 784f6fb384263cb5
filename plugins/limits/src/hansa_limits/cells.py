"""Counters of rates, by the generic cell rate algorithm (GCRA): one number for each, the time at
which it is empty again. They are kept in the cluster's Redis, for all workers together, or in this
worker.

Several counters are one judgement: if one of them has no room, none of them counts the request.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, cast
from weakref import WeakValueDictionary

from hansa import Bus
from redis.commands.core import Script

from .rate import Rate

log = logging.getLogger("hansa.limits")

PAUSE = 5.0
"""Seconds for which Redis is not asked again once it has not answered."""
SIZE = 100_000
"""Maximum counters that one worker keeps."""

SCRIPT = """
-- keys | patience, then the interval and the burst of each, in microseconds; returns 1 if there was
-- room in all of them, else 0, and the microseconds until each is empty
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local patience = tonumber(ARGV[1])
local answer = {1}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local left = math.max(0, tonumber(redis.call('GET', key) or '0') - now)
  if left > interval * (burst - 1) + patience then answer[1] = 0 end
  answer[i + 1] = left
end
if answer[1] == 1 then
  for i, key in ipairs(KEYS) do
    local left = answer[i + 1] + tonumber(ARGV[2 * i])
    redis.call('SET', key, string.format('%.0f', now + left), 'PX', math.ceil(left / 1000))
    answer[i + 1] = left
  end
end
return answer
"""


class Cell(NamedTuple):
    """A counter, by its key, and the rate that it keeps."""

    key: str
    rate: Rate


class Judgement(NamedTuple):
    """Whether there was room in all counters, and the microseconds until each is empty: with this
    request if it was counted.
    """

    accepted: bool
    left: list[int]


class Cells(Protocol):
    """Counters by key."""

    def take(self, cells: Sequence[Cell], patience: int = 0) -> Judgement:
        """Count a request in all counters, or in none if one of them has no room within `patience`
        microseconds.
        """


class Counter:
    """A counter that somebody holds, who may count with it by `lock` and `clock` of its cells."""

    __slots__ = ("__weakref__", "empty_at")

    def __init__(self) -> None:
        self.empty_at = 0


class LocalCells(Cells):
    """The counters of this process, at most `size` besides those that somebody holds: then those
    that are empty are forgotten, and the oldest.

    `lock` is to be held while one counts, `clock` returns nanoseconds; counters have microseconds.
    """

    def __init__(self, size: int = SIZE, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.lock = threading.Lock()
        self.clock = clock
        self._size = size
        self._empty_at: dict[str, int] = {}
        self._held: WeakValueDictionary[str, Counter] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._empty_at)

    def counter(self, key: str) -> Counter:
        """Return a counter to hold, the same one for all who hold it, which is not forgotten as
        long as somebody does.
        """
        with self.lock:
            return self._held.setdefault(key, Counter())

    def take(self, cells: Sequence[Cell], patience: int = 0) -> Judgement:
        """Count a request in all counters, or in none."""
        with self.lock:
            now = self.clock() // 1000
            left = [max(0, self._get(key) - now) for key, _ in cells]
            for before, (_, rate) in zip(left, cells, strict=True):
                if before > rate.capacity - rate.interval + patience:
                    return Judgement(False, left)
            for number, (key, rate) in enumerate(cells):
                left[number] += rate.interval
                self._put(key, now + left[number])
            if len(self._empty_at) > self._size:
                self._forget(now)
        return Judgement(True, left)

    def _get(self, key: str) -> int:
        held = self._held.get(key)
        return self._empty_at.get(key, 0) if held is None else held.empty_at

    def _put(self, key: str, empty_at: int) -> None:
        held = self._held.get(key)
        if held is None:
            self._empty_at[key] = empty_at
        else:
            held.empty_at = empty_at

    def _forget(self, now: int) -> None:
        """Forget the counters that are empty; if that is not a tenth of them, the oldest too."""
        kept = [(key, at) for key, at in self._empty_at.items() if at > now]
        self._empty_at = dict(kept[-(self._size * 9 // 10) :])


class SharedCells(Cells):
    """The counters of the cluster, in the Redis of its bus, by its clock; one round trip each time.

    Where there is none, and for 5 s after it has not answered, each worker counts by itself.
    """

    def __init__(self, bus: Bus, own: LocalCells) -> None:
        self._bus = bus
        self._own = own
        self._ask_at = 0.0
        self._script: Script | None = None

    def take(self, cells: Sequence[Cell], patience: int = 0) -> Judgement:
        """Count a request in all counters, or in none."""
        if time.monotonic() >= self._ask_at:
            try:
                judgement = self._ask(cells, patience)
                if judgement is not None:
                    return judgement
            except Exception as error:  # redis-py's own, and those of hansa-redis
                self._ask_at = time.monotonic() + PAUSE
                log.warning("rates are counted by each worker, without Redis: %s", error)
        return self._own.take(cells, patience)

    def _ask(self, cells: Sequence[Cell], patience: int) -> Judgement | None:
        """Take the counters in Redis; None where there is none."""
        if self._script is None:
            client = self._bus.redis
            if client is None:
                return None
            self._script = client.register_script(SCRIPT)
        keys = [self._bus.key("rates", key) for key, _ in cells]
        arguments = [str(patience)]
        for _, rate in cells:
            arguments += [str(rate.interval), str(rate.burst)]
        accepted, *left = cast(list[int], self._script(keys=keys, args=arguments))
        return Judgement(bool(accepted), left)
