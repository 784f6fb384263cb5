"""The queue of asynchronous calls of a cluster, in Redis: a stream read by a consumer group, with
retries and failed messages.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Unpack

from hansa import Invalid, Queue, QueueOptions, Server, Unavailable
from redis.exceptions import ResponseError

from .accepting import Accepting
from .call import make, origin
from .early import QueueSection
from .failed import FailedMessages
from .reading import Readers
from .replays import Replays
from .store import FAILURES, GROUP, Store, text, unavailable
from .upkeep import Upkeep

log = logging.getLogger("hansa.queue")
MOST_AT_ONCE = 10_000
"""Calls that are added in one step at most."""
COUNTS = ("accepted", "finished", "retried", "refused", "replayed", "deleted")


class RedisQueue(Queue):
    """The queue as one worker uses it: `put` adds calls, and the reading threads carry them out.

    The calls of a worker that dies stay pending; another worker claims them once they have not been
    renewed for the time of a lease. A living worker renews its calls by a heartbeat, however long
    their services take.
    """

    def __init__(self, server: Server, address: str, prefix: str, section: QueueSection) -> None:
        self.server = server
        self.section = section
        self.max_queued = section.max_queued
        # the worker's id is not enough: a worker of the same id may have died a moment ago
        self.holder = f"{server.id} {uuid.uuid4().hex[:12]}"
        self.store = Store(address, prefix)
        self._accepting = Accepting(self.store, self.max_queued)
        self.failed = FailedMessages(self.store, self.max_queued)
        self.replays = Replays(self.store, self.failed)
        self.readers = Readers(self)
        self.upkeep = Upkeep(self.failed, self.replays, self.holder, section)

    @property
    def worker(self) -> str:
        """The worker's id, without what tells it from its predecessors."""
        return self.server.id

    def put(self, service: str, payload: object, cid: str, **options: Unpack[QueueOptions]) -> None:
        """Add a call to the end of the queue, or after `delay` seconds, in one step.

        `callback` names services that are called with the answer; `max_attempts` overrides that of
        `[queue]` (0: as set there). Raises `Unavailable` if the queue is full or Redis does not
        answer within 4 s, `Invalid` for a payload that JSON cannot hold.
        """
        (call,) = _encoded(service, [payload], cid, options)
        delay = options.get("delay", 0.0)
        if delay > 0:
            self._add_later([call], service, delay)
        else:
            self.add(call, service)

    def put_many(
        self,
        service: str,
        payloads: Iterable[object],
        cid: str,
        **options: Unpack[QueueOptions],
    ) -> None:
        """Add a call of a service for each payload, in their order, or none; otherwise as `put`.

        Raises `Invalid` for more than 10,000 payloads.
        """
        several = list(islice(payloads, MOST_AT_ONCE + 1))
        if len(several) > MOST_AT_ONCE:
            raise Invalid(f"more than {MOST_AT_ONCE} calls of {service} at once")
        calls = _encoded(service, several, cid, options)
        delay = options.get("delay", 0.0)
        if delay > 0 and calls:
            self._add_later(calls, service, delay)
        elif calls:
            self.add_group(calls, service)

    def add(self, call: bytes, service: str) -> None:
        """Add an encoded call; raises `Unavailable`."""
        if not self._accepting.add(call, service):
            raise self._full(service)

    def _add_later(self, calls: list[bytes], service: str, delay: float) -> None:
        if not self._accepting.add_later(calls, delay, service):
            raise self._full(service)
        self.readers.look_in(delay)

    def add_group(
        self, calls: list[bytes], service: str, group: str = "", final: bytes = b""
    ) -> None:
        """Add several encoded calls, or none of them; raises `Unavailable`.

        `final` is a call that is added once each call of the group has its final state.
        """
        store = self.store
        keys = [store.stream, store.delayed, store.counts, store.group(group)]
        try:
            accepted = store.put_group(keys=keys, args=[self.max_queued, final, *calls])
        except FAILURES as error:
            raise unavailable(error, f"the calls of {service} were not queued") from error
        if not accepted:
            raise self._full(service)

    def _full(self, service: str) -> Unavailable:
        return Unavailable(
            f"the call of {service} was not queued: the asynchronous queue holds {self.max_queued} "
            "calls, its maximum",
            retry_after=5,
        )

    def start(self) -> None:
        """Start the reading threads, the heartbeat and the upkeep; warns if Redis loses
        its data when it ends.
        """
        try:
            durability = self.store.durability()
        except FAILURES as error:
            log.warning("the queue's Redis does not answer yet: %s", error)
        else:
            if not durability["aof"]:
                log.warning(
                    "the queue's Redis has no append-only file, so its end loses %s",
                    durability["loss"],
                )
        self.readers.start()
        self.upkeep.start()

    def stop(self, grace: float) -> None:
        """Take no more calls and wait up to `grace` seconds for those that run; other workers get
        those that do not end.
        """
        self.upkeep.stop()
        self.readers.stop(grace)
        self.store.redis.close()

    def status(self) -> dict[str, object]:
        """Return how many calls wait, run, are delayed and failed, all counts so far, and how
        durable Redis is.

        `oldest` is the age in seconds of the oldest call that waits, `rates` are the calls per second
        that came in and went out in the last minute. `accepted` is always the sum
        of finished, deleted, waiting, running, delayed and failed. Where Redis does not answer
        there is only `error`.
        """
        try:
            return self._status()
        except FAILURES as error:
            return {"error": str(error)}

    def _status(self) -> dict[str, object]:
        store = self.store
        try:
            found = store.look()
        except ResponseError:
            # the stream is not there yet, or no more
            store.prepare()
            found = store.look()
        length, groups, delayed, failed, counts, (now, _), samples = found
        pending = 0
        last_delivered = "0-0"
        for group in groups:
            if text(group["name"]) == GROUP:
                pending = int(group["pending"])
                last_delivered = text(group["last-delivered-id"])
        queued = length - pending
        # PERF: each question to Redis takes 0.1 ms of CPU: none without need
        oldest = self._age_of_oldest(last_delivered, now) if queued else 0.0
        return {
            "queued": queued,
            "running": pending,
            "delayed": delayed,
            "failed": failed,
            "oldest": round(oldest, 1),
            "rates": _rates(samples, counts, now),
            "counts": {name: int(counts.get(name.encode(), 0)) for name in COUNTS},
            "max_queued": self.max_queued,
            "durability": store.durability(),
        }

    def _age_of_oldest(self, last_delivered: str, now: float) -> float:
        """Return the age in seconds of the first call after the last one delivered; 0 if none
        waits.
        """
        stream = self.store.stream
        waiting = self.store.redis.xrange(stream, min=f"({last_delivered}", count=1)
        if not waiting:
            return 0.0
        milliseconds, _, _ = text(waiting[0][0]).partition("-")
        return max(0.0, now - int(milliseconds) / 1000)


def _encoded(
    service: str, payloads: Iterable[object], cid: str, options: QueueOptions
) -> list[bytes]:
    """Return a call for each payload; raises `Invalid`."""
    common = {
        "cid": cid,
        "created": time.time(),
        "callback": list(options.get("callback", ())),
        "max_attempts": options.get("max_attempts", 0),
        "in_reply_to": options.get("in_reply_to", ""),
        "extra": dict(options.get("extra") or {}),
        **origin(),
    }
    return [make(service, payload, **common) for payload in payloads]


def _rates(
    samples: list[bytes], counts: Mapping[bytes, bytes], now: int
) -> dict[str, float] | None:
    """Return the calls per second that came in and went out since a sample; None without one."""
    if not samples:
        return None
    at, accepted, finished, failed = map(int, samples[0].split())
    seconds = now - at / 1000
    if seconds < 1:
        return None
    came = int(counts.get(b"accepted", 0)) - accepted
    went = int(counts.get(b"finished", 0)) - finished + int(counts.get(b"failed", 0)) - failed
    return {"in": round(came / seconds, 2), "out": round(went / seconds, 2)}
