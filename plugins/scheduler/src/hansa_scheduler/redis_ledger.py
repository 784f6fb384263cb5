"""The ledger of jobs in Redis, which the whole cluster shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

from .unfinished import Unfinished

if TYPE_CHECKING:
    from redis import Redis

ALIVE_TTL = 15
"""Seconds after its last sign of life until a runner counts as dead."""
CLAIM_TTL = 7 * 24 * 3600
"""Seconds for which a claim is kept: longer than another worker may take to look at the same
planned time.
"""
RUNS_TTL = 800 * 24 * 3600
"""Seconds after its last run for which the records of a job are kept: more than two years."""
GIVEN_BACK = "-"
"""The token of a run that its runner gave back."""

CLAIM = """
local key, token = KEYS[1], ARGV[1]
local mine = ARGV[5] == '1' and redis.call('GET', key) == token
if not mine and not redis.call('SET', key, token, 'NX') then return 0 end
if tonumber(ARGV[4]) > 0 then redis.call('EXPIRE', key, ARGV[4]) end
redis.call('HSET', KEYS[2], ARGV[2] .. ' ' .. ARGV[6], token .. ' ' .. ARGV[3])
if ARGV[3] == '1' then redis.call('HSET', KEYS[3], 'last', ARGV[2]) end
return 1
"""
# an answer to the claim of the next attempt may have been lost, so that nobody would run that
RELEASE = """
local token, field = ARGV[1], ARGV[2]
local claimed = redis.call('GET', KEYS[1]) == token
local found = redis.call('HGET', KEYS[2], field) or ''
local own = claimed or string.sub(found, 1, #token + 1) == token .. ' '
if ARGV[4] == '1' and not own then return 0 end
if claimed then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[2], field, ARGV[3])
return 1
"""


class RedisLedger:
    """The ledger in Redis, for the runner with this token. Keys begin with `prefix`; methods raise
    redis-py's errors.
    """

    def __init__(self, redis: Redis, prefix: str, token: str) -> None:
        self.redis = redis
        self.prefix = prefix
        self.token = token
        self.claim_script = redis.register_script(CLAIM)
        self.release_script = redis.register_script(RELEASE)

    def key(self, *parts: str) -> str:
        """Return the name of a key."""
        return ":".join((self.prefix, *parts))

    def begin(self, job: str, rule: str, now: datetime) -> datetime:
        """Return the last planned time that was dealt with; `now`, which is then kept, for a new
        job or rule.
        """
        found = self._hash(self.key("job", job))
        if found.get("rule") == rule and "last" in found:
            return datetime.fromisoformat(found["last"])
        self.redis.hset(self.key("job", job), mapping={"rule": rule, "last": now.isoformat()})
        return now

    def claim(
        self, job: str, planned: datetime, attempt: int, *, forever: bool, again: bool
    ) -> bool:
        """Take a planned run, or one attempt at it; returns whether it was free."""
        moment = planned.isoformat()
        keys = [self._claim_key(job, moment, attempt), self.key("open"), self.key("job", job)]
        seconds = 0 if forever else CLAIM_TTL
        arguments: list[str | int] = [self.token, moment, attempt, seconds, int(again), job]
        return bool(self.claim_script(keys=keys, args=arguments))

    def close(self, job: str, planned: datetime) -> None:
        """Note that a run has ended for good."""
        self.redis.hdel(self.key("open"), f"{planned.isoformat()} {job}")

    def release(self, job: str, planned: datetime, attempt: int, *, own_only: bool = False) -> bool:
        """Leave a run to another runner, after so many attempts; returns whether it was left, which
        with `own_only` it is if this runner has it.
        """
        moment = planned.isoformat()
        keys = [self._claim_key(job, moment, attempt + 1), self.key("open")]
        given_back = f"{GIVEN_BACK} {attempt}"
        arguments: list[str | int] = [self.token, f"{moment} {job}", given_back, int(own_only)]
        return bool(self.release_script(keys=keys, args=arguments))

    def unfinished(self, alive_here: Callable[[str], bool]) -> list[Unfinished]:
        """Return the runs whose runner died or gave them back; `alive_here` says of a token whether
        its runner lives here.
        """
        found: list[Unfinished] = []
        dead = {GIVEN_BACK: True, self.token: False}
        for field, value in self._hash(self.key("open")).items():
            moment, _, job = field.partition(" ")
            token, _, attempt = value.partition(" ")
            if token not in dead:
                signed = bool(self.redis.exists(self.key("alive", token)))
                dead[token] = not signed and not alive_here(token)
            if dead[token]:
                planned = datetime.fromisoformat(moment)
                found.append(Unfinished(job, planned, int(attempt), token == GIVEN_BACK))
        return found

    def sign(self) -> None:
        """Give a sign of life, which lasts 15 seconds."""
        self.redis.set(self.key("alive", self.token), "1", ex=ALIVE_TTL)

    def leave(self) -> None:
        """Take the sign of life back."""
        self.redis.delete(self.key("alive", self.token))

    def forget(self, job: str) -> None:
        """Forget how far a job's time was looked at."""
        self.redis.delete(self.key("job", job))

    def note_run(self, job: str, record: str, keep: int) -> None:
        """Keep the record of a run, the newest first, with at most `keep` of the job."""
        key = self.key("runs", job)
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.lpush(key, record)
            pipe.ltrim(key, 0, keep - 1)
            pipe.expire(key, RUNS_TTL)
            pipe.execute()

    def runs(self, jobs: Sequence[str]) -> dict[str, list[str]]:
        """Return the records of runs by job, the newest first."""
        with self.redis.pipeline(transaction=False) as pipe:
            for job in jobs:
                pipe.lrange(self.key("runs", job), 0, -1)
            found: list[list[str]] = pipe.execute()
        return dict(zip(jobs, found, strict=True))

    def forget_runs(self, job: str) -> None:
        """Drop the records of a job's runs."""
        self.redis.delete(self.key("runs", job))

    def _claim_key(self, job: str, moment: str, attempt: int) -> str:
        parts = ["fired", job, moment]
        if attempt > 1:
            parts.append(str(attempt))
        return self.key(*parts)

    def _hash(self, key: str) -> dict[str, str]:
        # the server's client decodes answers as text
        return cast("dict[str, str]", self.redis.hgetall(key))
