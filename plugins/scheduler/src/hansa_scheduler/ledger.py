"""What must be remembered of jobs beyond one process: what was claimed, what is unfinished and whose it is, how far time was looked at.

In Redis where the server has one, so that the whole cluster agrees; in a folder of the server where it has none.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from hansa import Server, Unavailable

from .files import FileRecords

log = logging.getLogger("hansa.scheduler")
T = TypeVar("T")

PAUSE = (
    5.0  # seconds for which Redis is not asked after it failed, since each failure may take as long
)
ALIVE_TTL = 15  # seconds after its last sign until a runner counts as dead
CLAIM_TTL = (
    7 * 24 * 3600
)  # seconds; a claim need only outlive the time in which another worker may look at the same planned time

_CLAIM = """
local key, token = KEYS[1], ARGV[1]
local mine = ARGV[5] == '1' and redis.call('GET', key) == token
if not mine and not redis.call('SET', key, token, 'NX') then return 0 end
if tonumber(ARGV[4]) > 0 then redis.call('EXPIRE', key, ARGV[4]) end
redis.call('HSET', KEYS[2], ARGV[2] .. ' ' .. ARGV[6], token .. ' ' .. ARGV[3])
if ARGV[3] == '1' then redis.call('HSET', KEYS[3], 'last', ARGV[2]) end
return 1
"""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A planned run that was claimed and has no end: its runner died, or gave it back."""

    job: str
    planned: datetime
    attempt: int


class RedisRecords:
    """The records in Redis, shared by the cluster. Keys begin with `hansa:CLUSTER:schedule`."""

    def __init__(self, redis: Any, prefix: str, token: str) -> None:
        self.redis, self.prefix, self.token = redis, prefix, token
        self.claim_script = redis.register_script(_CLAIM)

    def key(self, *parts: str) -> str:
        """The name of a key."""
        return ":".join((self.prefix, *parts))

    def begin(self, job: str, rule: str, now: datetime) -> datetime:
        """See `Ledger.begin`."""
        found = self.redis.hgetall(self.key("job", job))
        if found.get("rule") == rule and "last" in found:
            return datetime.fromisoformat(found["last"])
        self.redis.hset(self.key("job", job), mapping={"rule": rule, "last": now.isoformat()})
        return now

    def claim(
        self, job: str, planned: datetime, attempt: int, *, forever: bool, again: bool
    ) -> bool:
        """See `Ledger.claim`."""
        moment = planned.isoformat()
        parts = ("fired", job, moment) if attempt == 1 else ("fired", job, moment, str(attempt))
        keys = [self.key(*parts), self.key("open"), self.key("job", job)]
        arguments = [self.token, moment, attempt, 0 if forever else CLAIM_TTL, int(again), job]
        return bool(self.claim_script(keys=keys, args=arguments))

    def close(self, job: str, planned: datetime) -> bool:
        """See `Ledger.close`."""
        self.redis.hdel(self.key("open"), f"{planned.isoformat()} {job}")
        return True

    def release(self, job: str, planned: datetime, attempt: int) -> bool:
        """See `Ledger.release`."""
        self.redis.hset(self.key("open"), f"{planned.isoformat()} {job}", f"- {attempt}")
        return True

    def unfinished(self, alive_here: Callable[[str], bool]) -> list[Unfinished]:
        """See `Ledger.unfinished`."""
        found = []
        dead: dict[str, bool] = {"-": True, self.token: False}
        for field, value in self.redis.hgetall(self.key("open")).items():
            moment, _, job = field.partition(" ")
            token, _, attempt = value.partition(" ")
            if token not in dead:
                dead[token] = not self.redis.exists(self.key("alive", token)) and not alive_here(
                    token
                )
            if dead[token]:
                found.append(Unfinished(job, datetime.fromisoformat(moment), int(attempt)))
        return found

    def sign(self) -> bool:
        """See `Ledger.sign`."""
        self.redis.set(self.key("alive", self.token), "1", ex=ALIVE_TTL)
        return True

    def leave(self) -> bool:
        """See `Ledger.leave`."""
        self.redis.delete(self.key("alive", self.token))
        return True

    def forget(self, job: str) -> bool:
        """See `Ledger.forget`."""
        self.redis.delete(self.key("job", job))
        return True


class Ledger:
    """The records of one worker's runner, in Redis, else in files. Its `token` marks what this runner has in hand."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.token = secrets.token_hex(8)
        self.files = FileRecords(server.dir / "scheduler", self.token)
        self.prefix = server.bus.key("schedule")
        self._records: RedisRecords | None = None
        self._lock = threading.Lock()
        self._down = 0.0
        self.pause = PAUSE

    def begin(self, job: str, rule: str, now: datetime) -> datetime:
        """The last planned time that was dealt with: what is later was missed. `now` for a new job, or one with a new `rule`."""
        here = self.files.begin(job, rule, now, keep=False)
        there = self._try(lambda records: records.begin(job, rule, now))
        if there is None:
            return here or self.files.begin(job, rule, now, keep=True) or now
        return max(there, here) if here else there

    def claim(
        self,
        job: str,
        planned: datetime,
        attempt: int,
        *,
        forever: bool = False,
        again: bool = False,
    ) -> bool | None:
        """Take a planned run, or one attempt at it, for this runner; False if it was taken before.

        None if there is a Redis that cannot be asked, since another server, which can, may have taken the run or take it yet.
        `forever` remembers the claim without end; `again` takes what this runner itself had before the clock was set back.
        """
        if self.files.claimed(job, planned, attempt) and not again:
            return False
        taken = self._try(
            lambda records: records.claim(job, planned, attempt, forever=forever, again=again)
        )
        if taken is None and self._records is not None:
            return None
        if taken is None or (taken and forever):
            return self.files.claim(job, planned, attempt, forever=forever, again=again)
        return taken

    def close(self, job: str, planned: datetime) -> None:
        """A run has ended for good."""
        self._try(lambda records: records.close(job, planned))
        self.files.close(job, planned)

    def release(self, job: str, planned: datetime, attempt: int) -> None:
        """Leave a run that is to be tried again to whoever has the job next."""
        if self._try(lambda records: records.release(job, planned, attempt)):
            self.files.close(job, planned)
        else:
            self.files.release(job, planned, attempt)

    def unfinished(self) -> list[Unfinished]:
        """The runs whose runner died or gave them back."""
        found = self._try(lambda records: records.unfinished(self.files.alive)) or []
        return [
            *found,
            *(Unfinished(*one) for one in self.files.unfinished() if Unfinished(*one) not in found),
        ]

    def sign(self) -> None:
        """Give a sign of life, at least every few seconds."""
        self.files.sign()
        self._try(lambda records: records.sign())

    def leave(self) -> None:
        """This runner has nothing more in hand."""
        self._try(lambda records: records.leave())
        self.files.leave()

    def forget(self, job: str) -> None:
        """The job was deleted or switched off: the time until it comes back is not missed."""
        self._try(lambda records: records.forget(job))
        self.files.forget(job)

    def _try(self, call: Callable[[RedisRecords], T]) -> T | None:
        """Ask Redis; None if there is none, or it fails, which is logged once. It is then left alone for some seconds."""
        if self._down and time.monotonic() < self._down:
            return None
        try:
            if self._records is None:
                self._records = RedisRecords(self.server.redis, self.prefix, self.token)
            found = call(self._records)
        except Unavailable:
            return None
        except Exception as error:
            with self._lock:
                first, self._down = not self._down, time.monotonic() + self.pause
            if first:
                log.warning(
                    "Redis cannot be asked, and another server may have the planned runs, so they wait: %s",
                    error,
                )
            return None
        if self._down:
            with self._lock:
                first, self._down = bool(self._down), 0.0
            if first:
                log.info("Redis is back, planned runs go on")
        return found
