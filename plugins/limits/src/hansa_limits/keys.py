"""Keys: idempotency keys in the cluster's Redis, each with the answer that its first message got,
or who is working on it.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from typing import Final

from hansa import Conflict, TimedOut, Unavailable
from hansa_redis.client import open_client
from redis.exceptions import RedisError

log = logging.getLogger("hansa.limits")
FAILURES = (RedisError, OSError, Unavailable, TimedOut)
DEADLINE = 3.0
"""Seconds that a call to Redis may take."""
LEASE = 10.0
"""Seconds after which a key is free again whose worker was killed."""

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

_CONFLICTS: Final = {
    b"other": "the idempotency key was used for another message before",
    b"lost": "the first message with this idempotency key was cut off; how far it came is not known",
}


class Keys:
    """The idempotency keys of a cluster, as one worker uses them; what it holds it keeps by a
    heartbeat.
    """

    def __init__(self, address: str, prefix: str, lease: float = LEASE) -> None:
        self.redis = open_client(address, "the Redis of idempotency keys", timeout=DEADLINE)
        self.prefix = prefix
        self.lease = lease
        self._begin = self.redis.register_script(BEGIN)
        self._renew = self.redis.register_script(RENEW)
        self._commit = self.redis.register_script(COMMIT)
        self._release = self.redis.register_script(RELEASE)
        # keys by token: several messages with one key may be here at once
        self._held: dict[str, str] = {}
        self._pending: dict[str, tuple[str, float, bytes]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="idempotency", daemon=True)
        self._thread.start()

    def begin(
        self, key: str, window: float, digest: str, crash: str, patience: float
    ) -> tuple[str, bytes]:
        """Begin to handle the message of a key and return (token, nothing); or return the answer
        that is there: ("", answer).

        While another one handles it, wait up to `patience` seconds. Raises `Conflict` when it is
        still handled then, when it came with another message before, or when it was left by a crash
        and is not to be handled again; `Unavailable` without Redis.
        """
        token = uuid.uuid4().hex
        ends = time.monotonic() + patience
        pause = 0.005
        while True:
            state, answer = self._try_to_begin(key, token, window, digest, crash)
            if state == b"run":
                return token, b""
            if state == b"done":
                return "", answer
            if state in _CONFLICTS:
                raise Conflict(_CONFLICTS[state])
            if time.monotonic() + pause > ends:
                raise Conflict(
                    "the first message with this idempotency key is still being handled",
                    headers={"Retry-After": "1"},
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)

    def _try_to_begin(
        self, key: str, token: str, window: float, digest: str, crash: str
    ) -> tuple[bytes, bytes]:
        """Return what Redis says of a key, and the answer that it keeps."""
        milliseconds = (int(self.lease * 1000), int(window * 1000))
        self._held[token] = key  # before Redis says so, lest a heartbeat pass by
        state = b""
        try:
            state, *answer = self._begin(
                keys=[self._name(key)], args=[token, *milliseconds, digest, crash]
            )
        except FAILURES as error:
            raise Unavailable(
                f"the idempotency key cannot be checked: {error}", retry_after=2
            ) from error
        finally:
            if state != b"run":
                self._held.pop(token, None)
        return state, answer[0] if answer else b""

    def commit(self, key: str, token: str, window: float, answer: bytes) -> bool:
        """Keep the answer; False if another one has taken the key over. While Redis is away it is
        kept later.
        """
        try:
            kept = self._store(key, token, window, answer)
        except FAILURES as error:
            log.warning("the answer to an idempotency key waits for Redis: %s", error)
            self._pending[token] = (key, window, answer)
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

    def _store(self, key: str, token: str, window: float, answer: bytes) -> bool:
        """Keep an answer; False if the key is another one's now."""
        arguments = (token, int(window * 1000), answer)
        return bool(self._commit(keys=[self._name(key)], args=arguments))

    def _catch_up(self) -> None:
        """Keep the answers that wait for Redis."""
        for token, (key, window, answer) in list(self._pending.items()):
            try:
                kept = self._store(key, token, window, answer)
            except FAILURES as error:
                log.warning("the answer to an idempotency key still waits for Redis: %s", error)
                return
            if not kept:
                log.error(
                    "the answer to an idempotency key came too late: another worker has taken it over"
                )
            self._pending.pop(token)
            self._held.pop(token, None)

    def _renew_all(self) -> None:
        held = list(self._held.items())
        if held:
            names = [self._name(key) for _, key in held]
            tokens = [token for token, _ in held]
            self._renew(keys=names, args=[int(self.lease * 1000), *tokens])

    def _beat(self) -> None:
        while not self._stopped.wait(self.lease / 4):
            try:
                self._renew_all()
                self._catch_up()
            except FAILURES as error:
                log.warning("idempotency keys cannot be renewed: %s", error)
            except Exception:
                log.exception("idempotency keys cannot be renewed")
