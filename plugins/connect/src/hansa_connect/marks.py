"""Durable high-water marks, and the base of channels that read on from one: in order, each message once it was handled."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from hansa import Request, Response, Unavailable, setting

from .polling import Polling, PollingChannel

LONGEST_PAUSE = 60.0
_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        int,
        str,
        float,
        bool,
        bytes,
        datetime,
        date,
        time,
        timedelta,
        Decimal,
        UUID,
        type(None),
    )
}


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source was read: `mark` of the last message that is settled, and how often `next`, the one after it, was tried."""

    mark: Any = None
    next: Any = None
    attempts: int = 0


class Marks:
    """Keeps the position of one channel: in the Redis of the cluster if there is one, else in a file under `DIR/marks`.

    A write is durable when it returns: the file is synced, and Redis as durable as it is set up to be. Without Redis, each server
    has marks of its own, so that a channel which moves to another server would begin anew there: several servers need Redis.
    Marks may be numbers, texts, bytes, UUIDs, and points in time.
    """

    def __init__(self, server: Any, owner: str) -> None:
        try:
            self._redis: Any = server.redis
            self._key = str(server.bus.key("mark", owner))
        except (
            AttributeError,
            Unavailable,
        ):  # a cluster without Redis, or a test without a cluster
            self._redis = None
            # names may have characters that files must not have, and be too long
            readable = "".join(letter if letter.isalnum() else "-" for letter in owner)[:60]
            digest = hashlib.sha256(owner.encode(errors="surrogatepass")).hexdigest()[:16]
            self._file = Path(server.dir, "marks", f"{readable}-{digest}.json")

    def read(self) -> Position | None:
        """The position last written, None if there is none; raises what keeps it from being read."""
        if self._redis is not None:
            raw = self._redis.get(self._key)
        else:
            raw = self._file.read_bytes() if self._file.exists() else None
        if raw is None:
            return None
        kept = msgspec.json.decode(raw)
        mark, following = (msgspec.convert(value, _KINDS[kind]) for kind, value in kept["marks"])
        return Position(mark, following, kept["attempts"])

    def write(self, position: Position) -> None:
        """Keep a position; raises what keeps it from being durable."""
        marks = []
        for value in (position.mark, position.next):
            name = next((name for name, kind in _KINDS.items() if type(value) is kind), "")
            if not name:
                raise TypeError(f"a {type(value).__name__} cannot be a mark")
            marks.append([name, value])
        raw = msgspec.json.encode({"marks": marks, "attempts": position.attempts})
        if self._redis is not None:
            self._redis.set(self._key, raw)
        else:
            _write_synced(self._file, raw)


def _write_synced(path: Path, content: bytes) -> None:
    """Replace a file at once, and have it on the disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Marked(Polling):
    """Settings of every channel that reads on from a mark."""

    max_attempts: Annotated[int, setting("Attempts at one message before it is given up", ge=1)] = (
        10
    )
    give_up: Annotated[
        Literal["skip", "hold"],
        setting(
            "After the last attempt: skip the message, or hold the channel at it, trying again and again"
        ),
    ] = "skip"


class MarkedChannel(PollingChannel):
    """Base of channels that read on from a mark: a subclass gives `look`, and where the source is to be told, `settle`.

    Its Config has the settings of `Marked`. The mark is written after the service has handled a message, and how often it was
    tried is written before, so that neither a restart nor a message that ends the process is counted wrongly.
    """

    exclusive = True  # else the old and the new object would both deliver what is after the mark
    first_mark: Any = None
    """The mark before the very first message."""

    def look(self, mark: Any) -> Iterable[tuple[Any, Request]]:
        """The messages after a mark, each with its own mark, the oldest first; few enough to be held in memory."""
        raise NotImplementedError

    def settle(self, request: Request, response: Response) -> None:
        """Tell the source what became of a message: `response.ok`, or it was given up. It may be told twice; raises if it fails."""

    def connect(self) -> None:
        """Find out how far the source was read."""
        self._marks = Marks(self.server, f"{self.kind} {self.type} {self.name}")
        self.position = self._marks.read() or Position(self.first_mark)

    def poll(self) -> bool:
        """Deliver what is after the mark, one after another; stops at a message that is to be tried again."""
        found = list(self.look(self.position.mark))
        for index, (mark, request) in enumerate(found):
            if not index:
                tried = self.position.attempts if self.position.next == mark else 0
                self._move(Position(self.position.mark, mark, tried + 1))
            if self.stopping:
                self._move(Position(self.position.mark, mark, self.position.attempts - 1))
                return False
            request.attempt = self.position.attempts
            response = (
                self.deliver(request) if request.attempt <= self.config.max_attempts else _ended()
            )
            if not response.ok and not self._given_up(mark, request, response):
                self.pause(min(self._interval * 2 ** min(request.attempt - 1, 20), LONGEST_PAUSE))
                return True
            self.settle(request, response)
            following = found[index + 1][0] if index + 1 < len(found) else None
            # PERF: one write says both that this one is settled and that the next one is being tried
            self._move(Position(mark, following, int(following is not None)))
        return bool(found)

    @property
    def _interval(self) -> float:
        interval: float = self.config.interval
        return interval

    def _move(self, position: Position) -> None:
        self._marks.write(position)
        self.position = position

    def _given_up(self, mark: Any, request: Request, response: Response) -> bool:
        """Whether a message that was not handled is to be passed over, which is told; raises if the channel is held at it."""
        if response.outcome == "retry" and request.attempt < self.config.max_attempts:
            return False
        what = f"message {mark!r} was given up after {request.attempt} attempts (cid {request.cid}): {response.error}"
        if self.config.give_up == "hold":
            if request.attempt <= self.config.max_attempts:
                self._move(
                    Position(self.position.mark, mark, self.config.max_attempts - 1)
                )  # one more after each pause
            raise Unavailable(f"held: {what}")
        self.log.error("%s", what)
        return True


def _ended() -> Response:
    """The answer for a message that has ended the process as often as it may."""
    response = Response()
    response.outcome, response.error = (
        "reject",
        Unavailable("the process ended while the message was being handled"),
    )
    return response
