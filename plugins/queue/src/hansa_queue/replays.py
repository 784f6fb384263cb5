"""Replays: failed messages that go back into the queue at a rate, with a tally of what becomes of
them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import msgspec
from hansa import Conflict, NotFound, PlainSettings

from .cause import GroupSubject
from .failed import FailedMessages
from .index import Selection, batches
from .store import FAILURES, ScriptArgument, Store, text, unavailable

ReplayState: TypeAlias = Literal["running", "paused", "stopped", "finished"]
ACTIVE = ("running", "paused")
UNBEGUN = 600
"""Seconds after which messages that were taken for a replay are forgotten if it never began."""
MOST_CAUSES = 100
"""Causes of repeated failures that are listed of one replay."""
DAY_MS = 86_400_000
_subject = msgspec.json.Decoder(GroupSubject).decode


@dataclass(frozen=True)
class Pace:
    """How a replay sends: messages per second, and after how many it pauses, 0 for never."""

    rate: float
    batch: int = 0


@dataclass(frozen=True)
class Begun:
    """What came of the wish to replay: the replay, how many messages it has, and how many others
    that are meant are already in replays that go on; `replay` is one of those if there is nothing
    else.
    """

    replay: str
    total: int
    elsewhere: int


@dataclass(frozen=True)
class RepeatedCause:
    """A cause for which messages of a replay have failed again."""

    group: str
    service: str
    cause: str
    count: int


@dataclass(frozen=True)
class Replay:
    """A replay and its tally: `total` is the sum of `sent`, `missing` and `left`; `sent` that of
    `succeeded`, `failed` and `pending`. Times are in seconds of the Unix epoch.
    """

    id: str
    state: ReplayState
    by: str
    what: PlainSettings
    at: float
    ended: float | None
    rate: float
    batch: int
    total: int
    sent: int
    succeeded: int
    failed: int
    pending: int
    missing: int
    left: int
    worker: str
    causes: list[RepeatedCause]


class Replays:
    """The replays of a cluster. All methods raise `Unavailable` when Redis does not answer."""

    def __init__(self, store: Store, failed: FailedMessages) -> None:
        self.store = store
        self.failed = failed

    def begin(self, selection: Selection, pace: Pace, by: str, what: PlainSettings) -> Begun:
        """Begin to replay messages; those that other replays have still to send are left to them.

        `what` says which messages are meant, to people.
        """
        store = self.store
        identifier = secrets.token_hex(6)
        try:
            self._take(identifier, selection)
            replay, left, active = store.replay_keys(identifier)
            arguments: list[ScriptArgument] = [
                identifier,
                store.replay_prefix,
                pace.rate,
                pace.batch,
                by,
                msgspec.json.encode(what),
            ]
            total, elsewhere, other = store.begin_replay(
                keys=[replay, left, store.replays, active], args=arguments
            )
        except FAILURES as error:
            raise unavailable(error, "the replay was not begun") from error
        begun = identifier if total else text(other)
        return Begun(begun, total, elsewhere)

    def _take(self, identifier: str, selection: Selection) -> None:
        """Note which messages a replay is to send."""
        store = self.store
        _, left, _ = store.replay_keys(identifier)
        closed, sources = self.failed.now_there(selection)
        if sources.keys:
            arguments: list[ScriptArgument] = [UNBEGUN, *closed.span]
            store.take_range(keys=[left, *sources.keys], args=arguments)
        for batch in batches([entry.identifier for entry in sources.entries]):
            store.take(keys=[left, store.failed], args=[UNBEGUN, *batch])

    def page(self, offset: int, limit: int) -> tuple[list[Replay], int]:
        """Return a page of the replays that are kept, the latest first, and how many there are."""
        store = self.store
        try:
            ids = store.redis.zrevrange(store.replays, offset, offset + limit - 1)
            total = store.redis.zcard(store.replays)
            found = self._read([text(one) for one in ids])
        except FAILURES as error:
            raise unavailable(error, "the replays were not read") from error
        return found, int(total)

    def get(self, identifier: str) -> Replay:
        """Return a replay; raises `NotFound`."""
        try:
            found = self._read([identifier])
        except FAILURES as error:
            raise unavailable(error, "the replay was not read") from error
        if not found:
            raise _unknown(identifier)
        return found[0]

    def _read(self, ids: list[str]) -> list[Replay]:
        """Return replays, each as it is at one moment; those that are gone are left out."""
        with self.store.redis.pipeline(transaction=True) as pipe:
            for identifier in ids:
                replay, left, _ = self.store.replay_keys(identifier)
                pipe.hgetall(replay)
                pipe.zcard(left)
            answers = pipe.execute()
        found = []
        for identifier, data, left in zip(ids, answers[::2], answers[1::2], strict=True):
            if data:
                fields = {text(name): value for name, value in data.items()}
                found.append(_replay(identifier, fields, left))
        return found

    def stop(self, identifier: str) -> Replay:
        """End a replay: what it has not sent stays failed. Raises `NotFound`, or `Conflict` if it
        has ended.
        """
        try:
            state = self.store.stop_replay(
                keys=self.store.replay_keys(identifier), args=[identifier]
            )
        except FAILURES as error:
            raise unavailable(error, "the replay was not stopped") from error
        return self._changed(identifier, text(state), "stopped")

    def pause(self, identifier: str) -> Replay:
        """Have a replay send nothing until it is resumed. Raises `NotFound`, or `Conflict` if it
        has ended.
        """
        replay, _, _ = self.store.replay_keys(identifier)
        try:
            state = self.store.pause_replay(keys=[replay])
        except FAILURES as error:
            raise unavailable(error, "the replay was not paused") from error
        return self._changed(identifier, text(state), "paused")

    def resume(self, identifier: str, batch: int = 0, rate: float = 0.0) -> Replay:
        """Have a replay go on, until it has sent `batch` more if that is not 0, at another rate if
        that is not 0. Raises `NotFound`, or `Conflict` if it has ended.
        """
        replay, _, _ = self.store.replay_keys(identifier)
        try:
            state = self.store.resume_replay(keys=[replay], args=[batch, rate])
        except FAILURES as error:
            raise unavailable(error, "the replay was not resumed") from error
        return self._changed(identifier, text(state), "running")

    def _changed(self, identifier: str, state: str, wanted: ReplayState) -> Replay:
        """Return a replay that was asked to change; raises if its state is not the one wanted."""
        if not state:
            raise _unknown(identifier)
        if state != wanted:
            raise Conflict(f"the replay {identifier} is {state}")
        return self.get(identifier)

    # -- for the workers ---------------------------------------------------------------------------

    def active(self) -> list[str]:
        """Return the ids of the replays that have not ended; raises what Redis raises."""
        members = cast("set[bytes]", self.store.redis.smembers(self.store.active_replays))
        return sorted(text(identifier) for identifier in members)

    def step(self, identifier: str, holder: str, lease: float, most: int) -> int:
        """Send what is due of a replay, unless another worker holds its lease (seconds); returns
        how many messages were sent. Raises what Redis raises.
        """
        store = self.store
        keys = [store.stream, store.delayed, store.counts, *store.failed_keys]
        keys += store.replay_keys(identifier)
        arguments: list[ScriptArgument] = [
            identifier,
            holder,
            int(lease * 1000),
            self.failed.max_queued,
            most,
        ]
        return int(store.step_replay(keys=keys, args=arguments))

    def forget(self, days: float) -> None:
        """Forget the replays that ended so many days ago; raises what Redis raises."""
        store = self.store
        arguments: list[ScriptArgument] = [store.replay_prefix, int(days * DAY_MS)]
        store.forget_replays(keys=[store.replays, store.active_replays], args=arguments)


def _unknown(identifier: str) -> NotFound:
    return NotFound(f"there is no replay {identifier!r}; it may have ended long ago")


def _replay(identifier: str, fields: Mapping[str, bytes], left: int) -> Replay:
    """Return a replay of its fields in Redis."""

    def number(name: str) -> int:
        return int(fields.get(name, 0))

    state = cast("ReplayState", text(fields["state"]))
    sent = number("sent")
    succeeded = number("succeeded")
    failed = number("failed")
    return Replay(
        id=identifier,
        state=state,
        by=text(fields["by"]),
        what=msgspec.json.decode(fields["what"], type=PlainSettings),
        at=number("at") / 1000,
        ended=number("ended") / 1000 if "ended" in fields else None,
        rate=float(fields["rate"]),
        batch=number("batch"),
        total=number("total"),
        sent=sent,
        succeeded=succeeded,
        failed=failed,
        pending=sent - succeeded - failed,
        missing=number("missing"),
        left=left if state in ACTIVE else number("left"),
        worker=text(fields.get("holder", b"")).partition(" ")[0],
        causes=_causes(fields),
    )


def _causes(fields: Mapping[str, bytes]) -> list[RepeatedCause]:
    found = []
    for name, count in fields.items():
        if name.startswith("count "):
            group = name.removeprefix("count ")
            subject = _subject(fields[f"about {group}"])
            found.append(RepeatedCause(group, subject.service, subject.cause, int(count)))
    found.sort(key=lambda one: (-one.count, one.service, one.cause))
    return found[:MOST_CAUSES]
