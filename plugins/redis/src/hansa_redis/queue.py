"""The asynchronous queue of a cluster: a stream read by a consumer group, with retries and a place for the dead."""

from __future__ import annotations

import logging
import random
import threading
import time
import traceback
from typing import Any

import msgspec
from hansa import Model, Request, Response, Unavailable, dump, new_cid
from redis.exceptions import RedisError

from .bus import RedisBus, open_redis

log = logging.getLogger("hansa.queue")
GROUP = "workers"
LEASE, HEARTBEAT = 15.0, 4.0
MAX_ATTEMPTS, FIRST_DELAY, LAST_DELAY = 5, 1.0, 60.0


class Call(msgspec.Struct, omit_defaults=True):
    """One asynchronous invocation on its way: what to call with what, how often it was tried and what came of it."""

    service: str
    payload: Any = None
    cid: str = ""
    attempt: int = 1
    max_attempts: int = MAX_ATTEMPTS
    callback: list[str] = []
    in_reply_to: str = ""
    extra: dict[str, Any] = {}
    created: float = 0.0
    history: list[str] = []


_encode = msgspec.json.Encoder(
    enc_hook=lambda value: dump(value, str) if isinstance(value, Model) else str(value)
).encode
_decode = msgspec.json.Decoder(Call).decode


class Queue:
    """The asynchronous queue of a cluster: a Redis stream read by a consumer group, with retries and a place for the dead.

    A worker that dies leaves its messages pending; another claims them when they have been idle for 15 s. A worker that lives
    keeps them by a heartbeat, however long its service takes.
    """

    def __init__(self, bus: RedisBus, server: Any, threads: int, max_queued: int) -> None:
        self.redis, self.address, self.server = bus.redis, bus.address, server
        self.holder, self.threads, self.max_queued = server.id, threads, max_queued
        self.stream, self.delayed, self.dead = (bus.key("async", part) for part in ("stream", "delayed", "dead"))
        self._stopped = threading.Event()
        self._mine: dict[str, float] = {}
        self._threads: list[threading.Thread] = []
        self._move = self.redis.register_script(_MOVE_DUE)

    def put(self, service: str, payload: Any, cid: str, *, delay: float = 0.0, **options: Any) -> None:
        """Add a call to the end, or after `delay` seconds; raises `Unavailable` if the queue is full or Redis does not answer.

        Options: `callback` (names of services called with the answer), `max_attempts`, `in_reply_to`, `extra`.
        """
        data = _encode(Call(service, payload, cid, created=time.time(), **options))
        try:
            if delay > 0:
                self.redis.zadd(self.delayed, {b"%s %s" % (new_cid().encode(), data): time.time() + delay})
            elif self.redis.xlen(self.stream) >= self.max_queued:
                raise Unavailable(f"the asynchronous queue holds {self.max_queued} calls", retry_after=5)
            else:
                self.redis.xadd(self.stream, {"call": data})
        except RedisError as error:
            raise Unavailable(f"the call of {service} was not queued: Redis: {error}") from error

    def start(self) -> None:
        """Start the reading threads and the heartbeat."""
        for index in range(self.threads):
            self._threads.append(threading.Thread(target=self._read, name=f"async-{index}", daemon=True))
        self._threads.append(threading.Thread(target=self._tend, name="async-heartbeat", daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self, grace: float) -> None:
        """Read no more; wait up to `grace` seconds for what runs. What does not end in time is given to another worker."""
        self._stopped.set()
        deadline = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _connect(self) -> Any:
        redis = open_redis(self.address, socket_timeout=10, decode_responses=False, protocol=2)
        try:
            redis.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        except Exception as error:
            if "BUSYGROUP" not in str(error):
                raise
        return redis

    def _read(self) -> None:
        redis = None
        while not self._stopped.is_set():
            try:
                redis = redis or self._connect()
                answer = redis.xreadgroup(GROUP, self.holder, {self.stream: ">"}, count=1, block=1000)
                for _, entries in answer or ():
                    for identifier, fields in entries:
                        self._handle(redis, identifier.decode(), fields[b"call"])
            except Exception as error:
                log.warning("the asynchronous queue is not reachable: %s", error)
                redis = None
                self._stopped.wait(1.0)

    def _handle(self, redis: Any, identifier: str, data: bytes, crashed: int = 0) -> None:
        self._mine[identifier] = time.monotonic()
        try:
            try:
                call = _decode(data)
            except msgspec.MsgspecError as error:
                self._bury(redis, identifier, Call("?", data.decode(errors="replace")), f"not a call: {error}")
                return
            if crashed:
                call.attempt += crashed
                call.history = [*call.history, f"attempt {call.attempt - 1}: the worker ended while running it"]
            if call.attempt > call.max_attempts:
                self._bury(redis, identifier, call, call.history[-1] if call.history else "out of attempts")
                return
            response = self._run(call)
            if response.ok:
                self._finish(redis, identifier)
            else:
                self._again(redis, identifier, call, response)
        finally:
            self._mine.pop(identifier, None)

    def _run(self, call: Call) -> Response:
        extra = {**call.extra, "in_reply_to": call.in_reply_to}
        request = Request(payload=call.payload, cid=call.cid, attempt=call.attempt, extra=extra)
        response: Response = self.server.handle(call.service, request, type="invoke-async")
        if response.ok:
            for name in call.callback:
                self.put(name, response.payload, call.cid, in_reply_to=call.cid, extra=call.extra)
        return response

    def _finish(self, redis: Any, identifier: str, *extra: tuple[str, Any]) -> None:
        with redis.pipeline(transaction=bool(extra)) as pipe:
            for command, arguments in extra:
                getattr(pipe, command)(*arguments)
            pipe.xack(self.stream, GROUP, identifier)
            pipe.xdel(self.stream, identifier)
            pipe.execute()

    def _again(self, redis: Any, identifier: str, call: Call, response: Response) -> None:
        cause = f"attempt {call.attempt}: {type(response.error).__name__}: {response.error}"
        call.history = [*call.history, cause]
        if response.outcome == "reject" or call.attempt >= call.max_attempts:
            self._bury(redis, identifier, call, cause, response.error)
            return
        delay = min(FIRST_DELAY * 2 ** (call.attempt - 1), LAST_DELAY) * random.uniform(0.8, 1.2)
        call.attempt += 1
        log.warning("%s will be called again in %.1f s: %s", call.service, delay, cause)
        member = b"%s %s" % (identifier.encode(), _encode(call))
        self._finish(redis, identifier, ("zadd", (self.delayed, {member: time.time() + delay})))

    def _bury(self, redis: Any, identifier: str, call: Call, cause: str, error: BaseException | None = None) -> None:
        record = {
            "call": call,
            "cause": cause,
            "at": time.time(),
            "traceback": "".join(traceback.format_exception(error)) if error else "",
        }
        log.error("a call of %s is dead after %s attempts: %s", call.service, call.attempt, cause)
        self._finish(redis, identifier, ("hset", (self.dead, identifier, _encode(record))))

    def _tend(self) -> None:
        """Keep what runs here, take over what was left by the dead, and bring back what was to wait."""
        redis = None
        beat = 0.0
        while not self._stopped.wait(0.25):
            try:
                redis = redis or self._connect()
                self._move(keys=[self.delayed, self.stream], args=[time.time()])
                if time.monotonic() - beat >= HEARTBEAT:
                    beat = time.monotonic()
                    if self._mine:
                        redis.xclaim(self.stream, GROUP, self.holder, 0, list(self._mine), justid=True)
                    self._take_over(redis)
            except Exception as error:
                log.warning("the asynchronous queue is not reachable: %s", error)
                redis = None
                self._stopped.wait(1.0)

    def _take_over(self, redis: Any) -> None:
        while not self._stopped.is_set():
            _, entries, *_ = redis.xautoclaim(self.stream, GROUP, self.holder, int(LEASE * 1000), "0-0", count=1)
            if not entries:
                return
            identifier, fields = entries[0]
            if fields is None:
                continue
            pending = redis.xpending_range(self.stream, GROUP, identifier, identifier, 1)
            crashed = max(1, int(pending[0]["times_delivered"]) - 1) if pending else 1
            name = identifier.decode()
            log.warning("taking over call %s from a worker that ended", name)
            self._mine[name] = time.monotonic()
            thread = threading.Thread(
                target=self._take, args=(name, fields[b"call"], crashed), name="async-taken", daemon=True
            )
            thread.start()

    def _take(self, identifier: str, data: bytes, crashed: int) -> None:
        try:
            self._handle(self._connect(), identifier, data, crashed)
        except Exception as error:
            log.warning("call %s stays for another worker: %s", identifier, error)

    def status(self) -> dict[str, Any]:
        """How many calls wait, are delayed, run and are dead."""
        groups = list(self.redis.xinfo_groups(self.stream)) if self.redis.exists(self.stream) else []
        return {
            "queued": self.redis.xlen(self.stream),
            "running": sum(g["pending"] for g in groups),
            "delayed": self.redis.zcard(self.delayed),
            "dead": self.redis.hlen(self.dead),
        }


_MOVE_DUE = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 100)
for _, member in ipairs(due) do
  local space = string.find(member, ' ', 1, true)
  redis.call('XADD', KEYS[2], '*', 'call', string.sub(member, space + 1))
  redis.call('ZREM', KEYS[1], member)
end
return #due
"""
