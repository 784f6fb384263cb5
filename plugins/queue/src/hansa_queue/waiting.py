"""The calls that wait, run or are delayed, looked through in Redis; only as far as that is quick."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from .call import UNREADABLE, Call, decode
from .store import FAILURES, GROUP, Store, text, unavailable

State: TypeAlias = Literal["waiting", "running", "delayed"]

BATCH = 500
"""Calls that are read at once."""
MOST_SECONDS = 1.0
"""Seconds for which the queue is looked through."""

Entry: TypeAlias = tuple[bytes, dict[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class QueuedCall:
    """A call in the queue: never with its payload.

    `at` is when it was queued, `due` when a delayed one may run, both in seconds of the Unix epoch;
    `worker` runs it.
    """

    state: State
    service: str
    cid: str
    parent_cid: str
    in_reply_to: str
    attempt: int
    at: float
    due: float | None = None
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls are meant; what is empty does not count."""

    cid: str = ""
    service: str = ""
    state: str = ""

    def matches(self, call: QueuedCall) -> bool:
        """Whether a call is meant."""
        if self.cid and call.cid != self.cid:
            return False
        if self.service and call.service != self.service:
            return False
        return not self.state or call.state == self.state


def queued_calls(
    store: Store, wanted: Wanted, most: int, skip: int = 0
) -> tuple[list[QueuedCall], bool]:
    """Return at most so many of the calls that are meant, the oldest first and after those to skip,
    and whether there are no more; raises `Unavailable`.
    """
    until = time.monotonic() + MOST_SECONDS
    found: list[QueuedCall] = []
    try:
        for call in _all(store, wanted.cid.encode()):
            if time.monotonic() > until:
                return found, False
            if call is None or not wanted.matches(call):
                continue
            if skip:
                skip -= 1
                continue
            if len(found) == most:
                return found, False
            found.append(call)
    except FAILURES as error:
        raise unavailable(error, "the queue was not read") from error
    return found, True


def _all(store: Store, needle: bytes) -> Iterator[QueuedCall | None]:
    """Yield the calls whose text has the needle, and None after each batch."""
    running = _running(store)
    start = "-"
    while entries := cast("list[Entry]", store.redis.xrange(store.stream, min=start, count=BATCH)):
        for identifier, fields in entries:
            data = fields.get(b"call", b"")
            if needle in data:
                yield _in_stream(text(identifier), data, running)
        start = f"({text(entries[-1][0])}"
        yield None
    first = 0
    while True:
        members = cast(
            "list[tuple[bytes, float]]",
            store.redis.zrange(store.delayed, first, first + BATCH - 1, withscores=True),
        )
        if not members:
            return
        for member, due in members:
            if needle in member:
                yield _shown("delayed", member.partition(b" ")[2], due=due / 1000)
        first += len(members)
        yield None


def _running(store: Store) -> dict[str, str]:
    """Return the holders of the calls that run, by id."""
    if not store.redis.exists(store.stream):
        store.prepare()
    pending = store.redis.xpending_range(store.stream, GROUP, "-", "+", BATCH)
    return {text(one["message_id"]): text(one["consumer"]) for one in pending}


def _in_stream(identifier: str, data: bytes, running: dict[str, str]) -> QueuedCall | None:
    holder = running.get(identifier)
    if holder is None:
        return _shown("waiting", data)
    return _shown("running", data, worker=holder.partition(" ")[0])


def _shown(
    state: State, data: bytes, *, due: float | None = None, worker: str = ""
) -> QueuedCall | None:
    """Return a call as it is shown; None for an entry that is none."""
    try:
        call: Call = decode(data)
    except UNREADABLE:
        return None
    return QueuedCall(
        state,
        call.service,
        call.cid,
        call.parent_cid,
        call.in_reply_to,
        call.attempt,
        call.created,
        due,
        worker,
    )
