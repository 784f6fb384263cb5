"""The asynchronous queue of a cluster: a stream read by a consumer group, with fencing, retries and a place for what failed."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

from hansa import Unavailable, new_cid

from .call import make
from .early import QueueSection
from .failed import Failed
from .reading import Readers
from .store import FAILURES, GROUP, Store, text, unavailable

log = logging.getLogger("hansa.queue")


class Queue:
    """What a worker has of the queue: it puts calls in, and its reading threads carry them out.

    A worker that dies leaves its messages pending; another claims them when nobody has held them for a lease. A worker that
    lives keeps them by a heartbeat, however long its service takes.
    """

    def __init__(self, server: Any, address: str, prefix: str, section: QueueSection) -> None:
        self.server, self.section, self.max_queued = server, section, section.max_queued
        self.holder = f"{server.id} {uuid.uuid4().hex[:12]}"  # a worker of the same name may have been here before
        self.store = Store(address, prefix)
        self.failed = Failed(self.store, self.max_queued)
        self.readers = Readers(self)

    def put(
        self, service: str, payload: Any, cid: str, *, delay: float = 0.0, **options: Any
    ) -> None:
        """Add a call to the end, or after `delay` seconds, in one step.

        Options: `callback` (names of services called with the answer), `max_attempts`, `in_reply_to`, `extra`. Raises
        `Unavailable` if the queue is full or Redis does not answer within 3 s, `Invalid` for a payload that is not JSON.
        """
        self.add(make(service, payload, cid=cid, created=time.time(), **options), service, delay)

    def add(self, call: bytes, service: str, delay: float = 0.0) -> None:
        """Add a call that is written already; raises `Unavailable`."""
        store = self.store
        keys = [store.stream, store.delayed, store.counts]
        try:
            if delay > 0:
                later = [max(1, int(delay * 1000)), new_cid()]
                accepted = store.put_later(keys=keys, args=[self.max_queued, call, *later])
            else:
                accepted = store.put(keys=keys, args=[self.max_queued, call])
        except FAILURES as error:
            raise unavailable(error, f"the call of {service} was not queued") from error
        if not accepted:
            raise self._full(service)

    def add_group(
        self, calls: list[bytes], service: str, group: str = "", final: bytes = b""
    ) -> None:
        """Add several calls or none of them; `final` is added once each of the group has its final state. Raises `Unavailable`."""
        try:
            store = self.store
            keys = [store.stream, store.delayed, store.counts, store.group(group)]
            accepted = store.put_group(keys=keys, args=[self.max_queued, final, *calls])
        except FAILURES as error:
            raise unavailable(error, f"the calls of {service} were not queued") from error
        if not accepted:
            raise self._full(service)

    def _full(self, service: str) -> Unavailable:
        return Unavailable(
            f"the call of {service} was not queued: the asynchronous queue holds {self.max_queued} calls, which is "
            "as many as it may",
            retry_after=5,
        )

    def start(self) -> None:
        """Start the reading threads and the heartbeat; warns when Redis keeps nothing across its own end."""
        try:
            durability = self.store.durability()
            if not durability["aof"]:
                log.warning(
                    "the queue's Redis has no append-only file, so its end loses %s",
                    durability["loss"],
                )
        except FAILURES as error:
            log.warning("the queue's Redis is not there yet: %s", error)
        self.readers.start()

    def stop(self, grace: float) -> None:
        """Read no more; wait up to `grace` seconds for what runs. What does not end in time is given to another worker."""
        self.readers.stop(grace)
        self.store.redis.close()

    def status(self) -> dict[str, Any]:
        """How many calls wait, run, are delayed and failed, all counts so far, and what Redis keeps when it ends.

        `oldest` is the age in seconds of the oldest call that waits. `accepted` is always the sum of finished, deleted, waiting,
        running, delayed and failed. Where Redis does not answer there is only `error`.
        """
        try:
            return self._status()
        except FAILURES as error:
            return {"error": str(error)}

    def _status(self) -> dict[str, Any]:
        store = self.store
        if not store.redis.exists(store.stream):
            store.prepare()
        with store.redis.pipeline(transaction=True) as pipe:
            pipe.xlen(store.stream)
            pipe.xinfo_groups(store.stream)
            pipe.zcard(store.delayed)
            pipe.zcard(store.failed)
            pipe.hgetall(store.counts)
            pipe.time()
            length, groups, delayed, failed, counts, (seconds, _) = pipe.execute()
        group = next(
            (one for one in groups if text(one["name"]) == GROUP),
            {"pending": 0, "last-delivered-id": b"0-0"},
        )
        after = "(" + text(group["last-delivered-id"])
        waiting = store.redis.xrange(store.stream, min=after, count=1)
        oldest = (
            max(0.0, seconds - int(text(waiting[0][0]).partition("-")[0]) / 1000)
            if waiting
            else 0.0
        )
        names = ("accepted", "finished", "retried", "refused", "replayed", "deleted")
        return {
            "queued": length - group["pending"],
            "running": group["pending"],
            "delayed": delayed,
            "failed": failed,
            "oldest": round(oldest, 1),
            "counts": {name: int(counts.get(name.encode(), 0)) for name in names},
            "max_queued": self.max_queued,
            "durability": store.durability(),
        }
