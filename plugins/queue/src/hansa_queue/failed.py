"""The messages that ran out of attempts: found, grouped by cause, shown, edited, replayed and
deleted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar, cast

import msgspec
from hansa import Conflict, NotFound, PlainSettings

from .call import Attempt, Call, decode, encode
from .cause import Brief, FailureInfo, pattern
from .store import FAILURES, ScriptArgument, Store, text, unavailable

ItemT = TypeVar("ItemT")
BATCH = 500
"""Messages that one call of Redis reads or changes at most."""


@dataclass
class CauseGroup:
    """Failed messages of one service with one cause; `latest` is the id of the latest one, times in
    seconds of the Unix epoch.
    """

    group: str
    service: str
    cause: str
    count: int
    first: float
    last: float
    latest: str


@dataclass(frozen=True)
class Selection:
    """Which failed messages are meant: those that meet all conditions; times in seconds of the Unix
    epoch.
    """

    ids: list[str] | None = None
    service: str = ""
    cause: str = ""
    group: str = ""
    cid: str = ""
    since: float | None = None
    until: float | None = None

    def matches(self, brief: Brief) -> bool:
        """Whether a message meets the conditions besides those on its id and time."""
        if self.service and brief.service != self.service:
            return False
        if self.cid and brief.cid != self.cid:
            return False
        if self.group and brief.group != self.group:
            return False
        return self.cause.lower() in brief.cause.lower()


@dataclass(frozen=True)
class Replayed:
    """The result of a replay: how many went back into the queue, how many found no room in it, and
    which were gone.
    """

    replayed: int
    left: int
    missing: list[str]


_decode_brief = msgspec.json.Decoder(Brief).decode
_decode_info = msgspec.json.Decoder(FailureInfo).decode


class FailedMessages:
    """The failed messages of a cluster. All methods raise `Unavailable` when Redis does not answer."""

    def __init__(self, store: Store, max_queued: int) -> None:
        self.store = store
        self.max_queued = max_queued

    def find(self, selection: Selection) -> Iterator[tuple[str, Brief]]:
        """Yield id and summary of the messages meant, the latest first."""
        try:
            found = self._identifiers(selection)
            for batch in _batches(found):
                ids = [identifier for identifier, _ in batch]
                infos = self.store.redis.hmget(self.store.failed_infos, ids)
                for (identifier, milliseconds), data in zip(batch, infos, strict=True):
                    if data is None:
                        continue
                    brief = _decode_brief(data)
                    if selection.matches(brief):
                        brief.at = milliseconds / 1000
                        yield text(identifier), brief
        except FAILURES as error:
            raise unavailable(error, "the failed messages were not read") from error

    def _identifiers(self, selection: Selection) -> list[tuple[bytes | str, float]]:
        """Return ids and times in milliseconds of those that meet the conditions on both, the
        latest first.
        """
        redis = self.store.redis
        low = -math.inf if selection.since is None else selection.since * 1000
        high = math.inf if selection.until is None else selection.until * 1000
        if selection.ids is None:
            found = redis.zrevrangebyscore(self.store.failed, high, low, withscores=True)
            return cast("list[tuple[bytes | str, float]]", found)
        if not selection.ids:
            return []
        times = redis.zmscore(self.store.failed, selection.ids)
        return [
            (identifier, at)
            for identifier, at in zip(selection.ids, times, strict=True)
            if at is not None and low <= at <= high
        ]

    def groups(self, selection: Selection) -> list[CauseGroup]:
        """Return the causes of the messages meant, the most frequent first."""
        found: dict[str, CauseGroup] = {}
        for identifier, brief in self.find(selection):
            group = found.get(brief.group)
            if group is None:
                cause = pattern(brief.cause)
                group = CauseGroup(
                    brief.group, brief.service, cause, 0, brief.at, brief.at, identifier
                )
                found[brief.group] = group
            group.count += 1
            group.first = min(group.first, brief.at)
            group.last = max(group.last, brief.at)
        return sorted(found.values(), key=lambda group: (-group.count, group.service, group.cause))

    def get(self, identifier: str) -> PlainSettings:
        """Return everything that is known of a message, as plain data; raises `NotFound`."""
        call, info = self._read(identifier)
        return shown(identifier, decode(call), info)

    def get_many(self, ids: list[str]) -> Iterator[PlainSettings]:
        """Yield everything that is known of several messages; those that are gone are left out."""
        try:
            for batch in _batches(ids):
                for identifier, found in zip(batch, self._read_many(batch), strict=True):
                    if found is not None:
                        call, info = found
                        yield shown(identifier, decode(call), info)
        except FAILURES as error:
            raise unavailable(error, "the failed messages were not read") from error

    def edit(self, identifier: str, changes: PlainSettings, by: str = "") -> PlainSettings:
        """Change `service`, `payload` or `extra` of a message; raises `NotFound`, or `Conflict` if
        it was changed meanwhile.
        """
        data, info = self._read(identifier)
        call = decode(data)
        if "payload" in changes:
            call.raw = None
        for name, value in changes.items():
            setattr(call, name, value)
        author = f" by {by}" if by else ""
        note = f"edited{author}: {', '.join(sorted(changes))}"
        call.history = [*call.history, Attempt(time.time(), note)]
        info.history = call.history
        info.service = call.service
        info.assign_group()
        store = self.store
        keys = [store.failed_calls, store.failed_infos]
        arguments: list[ScriptArgument] = [identifier, data, encode(call), encode(info)]
        try:
            changed = store.edit(keys=keys, args=arguments)
        except FAILURES as error:
            raise unavailable(error, f"the failed message {identifier} was not edited") from error
        if not changed:
            raise Conflict(
                f"the failed message {identifier} was edited, replayed or deleted in the meantime"
            )
        return shown(identifier, call, info)

    def replay(self, ids: list[str]) -> Replayed:
        """Put messages back into the queue with all their attempts; each goes back once, however
        often it is asked for.
        """
        store = self.store
        keys = [
            store.stream,
            store.delayed,
            store.failed,
            store.failed_calls,
            store.failed_infos,
            store.counts,
        ]
        replayed = 0
        left = 0
        missing: list[str] = []
        try:
            for batch in _batches(ids):
                done, full, gone = store.replay(keys=keys, args=[self.max_queued, *batch])
                replayed += done
                left += full
                missing += [text(identifier) for identifier in gone]
        except FAILURES as error:
            what = f"{replayed} of {len(ids)} failed messages were replayed, the others perhaps not"
            raise unavailable(error, what) from error
        return Replayed(replayed, left, missing)

    def delete(self, ids: list[str]) -> int:
        """Delete messages for good; returns how many there were."""
        store = self.store
        keys = [store.failed, store.failed_calls, store.failed_infos, store.counts]
        deleted = 0
        try:
            for batch in _batches(ids):
                deleted += store.delete(keys=keys, args=batch)
        except FAILURES as error:
            what = f"{deleted} of {len(ids)} failed messages were deleted"
            raise unavailable(error, what) from error
        return deleted

    def _read(self, identifier: str) -> tuple[bytes, FailureInfo]:
        try:
            [found] = self._read_many([identifier])
        except FAILURES as error:
            raise unavailable(error, "the failed message was not read") from error
        if found is None:
            raise NotFound(
                f"no failed message has the id {identifier!r}; it may have been replayed or deleted"
            )
        return found

    def _read_many(self, ids: list[str]) -> list[tuple[bytes, FailureInfo] | None]:
        """Return the call and the info of each message, read in one step; None for those that are
        gone.

        The time of a failure is the score in Redis, whose one clock orders the messages of all
        workers.
        """
        with self.store.redis.pipeline(transaction=True) as pipe:
            pipe.hmget(self.store.failed_calls, ids)
            pipe.hmget(self.store.failed_infos, ids)
            pipe.zmscore(self.store.failed, ids)
            calls, infos, times = pipe.execute()
        found: list[tuple[bytes, FailureInfo] | None] = []
        for call, data, milliseconds in zip(calls, infos, times, strict=True):
            if call is None or data is None or milliseconds is None:
                found.append(None)
                continue
            info = _decode_info(data)
            info.at = milliseconds / 1000
            found.append((call, info))
        return found


def _batches(items: list[ItemT]) -> Iterator[list[ItemT]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def shown(identifier: str, call: Call, info: FailureInfo) -> PlainSettings:
    """Return a failed message as plain data: the call, and what is known of its failure."""
    payload = call.payload
    if call.raw is not None:
        payload = {"$base64": msgspec.to_builtins(call.raw)}
    return {
        "id": identifier,
        "service": info.service,
        "cid": info.cid,
        "cause": info.cause,
        "group": info.group,
        "attempts": info.attempts,
        "worker": info.worker,
        "created": info.created,
        "at": info.at,
        "payload": payload,
        "extra": call.extra,
        "callback": call.callback,
        "in_reply_to": call.in_reply_to,
        "parent_cid": call.parent_cid,
        "traceback": info.traceback,
        "history": msgspec.to_builtins(info.history),
    }
