"""Counters that empty steadily (the generic cell rate algorithm, GCRA), one number each: in the
cluster's Redis, so that all workers count together, or in a bounded table of this process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

from hansa import Bus

from .tables import drop_expired

log = logging.getLogger("hansa.security")

PAUSE = 5.0
"""Seconds for which Redis is not asked again once it has not answered."""

SCRIPT = """
-- keys | burst, interval in ms and step of each; returns the ms to wait as it was before the steps
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local waits = {}
for i, key in ipairs(KEYS) do
  local burst, interval, step = tonumber(ARGV[3*i-2]), tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i])
  local full = tonumber(redis.call('GET', key) or '0')
  waits[i] = math.max(0, full - now - interval * (burst - 1))
  if step ~= 0 then
    full = math.min(math.max(full, now) + step * interval, now + burst * interval)
    if full > now then
      redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil(full - now))
    else
      redis.call('DEL', key)
    end
  end
end
return waits
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` at once, then one more each `interval` seconds."""

    burst: int
    interval: float


class Step(NamedTuple):
    """What is done to the counter `key`: `amount` is added, or taken back if negative; 0 only
    looks.
    """

    key: str
    limit: Limit
    amount: int = 0


class Cells(Protocol):
    """Counters by key; a counter never holds more than the burst of its limit."""

    def apply(self, steps: Sequence[Step]) -> list[float]:
        """Take the steps, and return the seconds that each counter had to wait before them."""


class LocalCells(Cells):
    """Counters of this process, at most `size`; those that are empty are forgotten, then the
    oldest.
    """

    def __init__(self, size: int = 20_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._full_at)

    def apply(self, steps: Sequence[Step]) -> list[float]:
        """Take the steps, and return the seconds that each counter had to wait before them."""
        with self._lock:
            now = self._clock()
            return [self._apply(step, now) for step in steps]

    def _apply(self, step: Step, now: float) -> float:
        interval, burst = step.limit.interval, step.limit.burst
        full = self._full_at.get(step.key, 0.0)
        wait = max(0.0, full - now - interval * (burst - 1))
        if step.amount:
            full = min(max(full, now) + step.amount * interval, now + burst * interval)
            self._put(step.key, full, now)
        return wait

    def _put(self, key: str, full: float, now: float) -> None:
        self._full_at.pop(key, None)
        if full <= now:
            return
        drop_expired(self._full_at, self._size, now, float)
        self._full_at[key] = full


class SharedCells(Cells):
    """Counters of the cluster, in the Redis of its bus.

    Where there is none, and for 5 s after it has not answered, each process counts by itself.
    """

    def __init__(self, bus: Callable[[], Bus]) -> None:
        self._bus = bus
        self._own = LocalCells()
        self._ask_at = 0.0

    def apply(self, steps: Sequence[Step]) -> list[float]:
        """Take the steps, and return the seconds that each counter had to wait before them."""
        if time.monotonic() >= self._ask_at:
            try:
                waits = _ask(self._bus(), steps)
                if waits is not None:
                    return waits
            except Exception as error:  # redis-py's own; this plugin does not require it
                self._ask_at = time.monotonic() + PAUSE
                log.warning("failed logins are counted by each process, without Redis: %s", error)
        return self._own.apply(steps)


def _ask(bus: Bus, steps: Sequence[Step]) -> list[float] | None:
    """Take the steps in the cluster's Redis, and return the waits; None where there is none."""
    client = bus.redis
    if client is None:
        return None
    keys = [bus.key("guesses", step.key) for step in steps]
    arguments: list[str] = []
    for step in steps:
        interval = round(step.limit.interval * 1000)
        arguments += [str(step.limit.burst), str(interval), str(step.amount)]
    answer = client.eval(SCRIPT, len(keys), *keys, *arguments)
    return [int(wait) / 1000 for wait in cast(list[int], answer)]
