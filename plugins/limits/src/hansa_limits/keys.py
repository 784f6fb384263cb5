"""Keys: idempotency keys in the cluster's Redis, each with the answer that its first message got, or who is working on it."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from typing import Any

from hansa import Conflict, TimedOut, Unavailable
from hansa_redis.client import open_client
from redis.exceptions import RedisError

log = logging.getLogger("hansa.limits")
FAILURES = (RedisError, OSError, Unavailable, TimedOut)
DEADLINE = 3.0
LEASE = 10.0

_NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
BEGIN = (
    _NOW
    + """
-- key | token, lease in ms, window in ms, digest of the message, what to do after a crash
local found = redis.call('HMGET', KEYS[1], 'state', 'digest', 'until', 'answer')
if found[1] and found[2] ~= ARGV[4] then return {'other'} end
if found[1] == 'done' then return {'done', found[4]} end
if found[1] and tonumber(found[3]) > now then return {'busy'} end
if found[1] and ARGV[5] == 'refuse' then return {'lost'} end
redis.call('HSET', KEYS[1], 'state', 'running', 'token', ARGV[1], 'until', now + ARGV[2], 'digest', ARGV[4])
redis.call('PEXPIRE', KEYS[1], math.max(ARGV[2], ARGV[3]))
return {'run'}
"""
)
RENEW = (
    _NOW
    + """
-- keys | lease in ms, tokens
for i, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'token') == ARGV[i + 1] then
    redis.call('PEXPIRE', key, math.max(ARGV[1] * 2, redis.call('PTTL', key)))
    redis.call('HSET', key, 'until', now + ARGV[1])
  end
end
"""
)
COMMIT = """
-- key | token, window in ms, answer
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[1], 'state', 'done', 'answer', ARGV[3])
redis.call('HDEL', KEYS[1], 'token', 'until')
return 1
"""
RELEASE = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class Keys:
    """The idempotency keys of a cluster, as one worker uses them; what it holds it keeps by a heartbeat."""

    def __init__(self, address: str, prefix: str, lease: float = LEASE) -> None:
        self.redis: Any = open_client(address, "the Redis of idempotency keys", timeout=DEADLINE)
        self.prefix, self.lease = prefix, lease
        scripts = (BEGIN, RENEW, COMMIT, RELEASE)
        self._begin, self._renew, self._commit, self._release = map(
            self.redis.register_script, scripts
        )
        self._held: dict[
            str, str
        ] = {}  # keys by token: several messages with one key may be here at once
        self._pending: dict[str, tuple[str, float, bytes]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="idempotency", daemon=True)
        self._thread.start()

    def begin(
        self, key: str, window: float, digest: str, crash: str, patience: float
    ) -> tuple[str, bytes]:
        """Become the one who handles a key: (token, nothing); or get the answer that is there: (nothing, answer).

        While another one handles it, wait for so many seconds. Raises `Conflict` when it is still handled then, when it came with
        another message before, or when it was left by a crash and is not to be handled again; `Unavailable` without Redis.
        """
        token, ends = uuid.uuid4().hex, time.monotonic() + patience
        arguments: list[Any] = [token, int(self.lease * 1000), int(window * 1000), digest, crash]
        pause = 0.005
        while True:
            self._held[token] = key  # before Redis says so, lest a beat pass by
            word = b""
            try:
                word, *answer = self._begin(keys=[self._name(key)], args=arguments)
            except FAILURES as error:
                raise Unavailable(
                    f"the idempotency key cannot be checked: {error}", retry_after=2
                ) from error
            finally:
                if word != b"run":
                    self._held.pop(token, None)
            if word == b"run":
                return token, b""
            if word == b"done":
                return "", answer[0]
            if word == b"other":
                raise Conflict("the idempotency key was used for another message before")
            if word == b"lost":
                raise Conflict(
                    "the first message with this idempotency key was cut off; how far it came is not known"
                )
            if time.monotonic() + pause > ends:
                raise Conflict(
                    "the first message with this idempotency key is still being handled",
                    headers={"Retry-After": "1"},
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)

    def commit(self, key: str, token: str, window: float, answer: bytes) -> bool:
        """Keep the answer; False if another one has taken the key over. While Redis is away it is tried again, later too."""
        try:
            kept = bool(
                self._commit(keys=[self._name(key)], args=[token, int(window * 1000), answer])
            )
        except FAILURES as error:
            log.warning("the answer to an idempotency key waits for Redis: %s", error)
            self._pending[token] = key, window, answer
            return True
        self._held.pop(token, None)
        return kept

    def release(self, key: str, token: str) -> None:
        """Give a key back after a failure, so that the next message with it is handled."""
        self._held.pop(token, None)
        try:
            self._release(keys=[self._name(key)], args=[token])
        except FAILURES as error:
            log.warning("an idempotency key is free again only after %g s: %s", self.lease, error)

    def stop(self) -> None:
        """Stop the heartbeat, after a last try to keep what is not kept yet."""
        self._stopped.set()
        self._thread.join(DEADLINE * 2)
        self._catch_up()
        self.redis.close()

    def _name(self, key: str) -> str:
        return f"{self.prefix}:{key}"

    def _catch_up(self) -> None:
        for token, (key, window, answer) in list(self._pending.items()):
            try:
                if not self._commit(
                    keys=[self._name(key)], args=[token, int(window * 1000), answer]
                ):
                    log.error(
                        "the answer to an idempotency key came too late: another worker has taken it over"
                    )
            except FAILURES as error:
                log.warning("the answer to an idempotency key still waits for Redis: %s", error)
                return
            self._pending.pop(token)
            self._held.pop(token, None)

    def _beat(self) -> None:
        while not self._stopped.wait(self.lease / 4):
            try:
                held = list(self._held.items())
                if held:
                    tokens = [token for token, _ in held]
                    self._renew(
                        keys=[self._name(key) for _, key in held],
                        args=[int(self.lease * 1000), *tokens],
                    )
                self._catch_up()
            except FAILURES as error:
                log.warning("idempotency keys cannot be renewed: %s", error)
            except Exception:
                log.exception("idempotency keys cannot be renewed")
