"""Failed: the messages that ran out of attempts, to look at, group by cause, edit, replay, delete and export."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from hansa import Conflict, NotFound

from .call import Attempt, Call, decode, encode
from .cause import Info, pattern
from .store import FAILURES, Store, text, unavailable

BATCH = 500


class Brief(msgspec.Struct):
    """What a list shows of a failed message."""

    service: str
    cause: str
    created: float
    at: float
    cid: str = ""
    attempts: int = 0
    worker: str = ""
    group: str = ""


_brief = msgspec.json.Decoder(Brief).decode
_info = msgspec.json.Decoder(Info).decode


@dataclass(frozen=True)
class Choice:
    """Which failed messages are meant: all conditions together; times in seconds of the Unix epoch."""

    ids: list[str] | None = None
    service: str = ""
    cause: str = ""
    group: str = ""
    since: float | None = None
    until: float | None = None

    def takes(self, brief: Brief) -> bool:
        """Whether a message is among them, its id and time aside."""
        return (
            (not self.service or brief.service == self.service)
            and (not self.group or brief.group == self.group)
            and (not self.cause or self.cause.lower() in brief.cause.lower())
        )


@dataclass(frozen=True)
class Replayed:
    """What a replay did: how many went back into the queue, for how many it had no room, and which were not there any more."""

    replayed: int
    left: int
    missing: list[str]


class FailedMessages:
    """The failed messages of a cluster. All methods raise `Unavailable` when Redis does not answer."""

    def __init__(self, store: Store, max_queued: int) -> None:
        self.store, self.max_queued = store, max_queued

    def find(self, choice: Choice) -> Iterator[tuple[str, Brief]]:
        """The ids and what is known of those meant, the latest first."""
        low = -math.inf if choice.since is None else choice.since * 1000
        high = math.inf if choice.until is None else choice.until * 1000
        try:
            if choice.ids is not None:
                ids = [identifier.encode() for identifier in choice.ids]
                scores = self.store.redis.zmscore(self.store.failed, ids) if ids else []
                found = [
                    (one, score)
                    for one, score in zip(ids, scores, strict=True)
                    if score is not None
                ]
                found = [(one, score) for one, score in found if low <= score <= high]
            else:
                found = self.store.redis.zrevrangebyscore(
                    self.store.failed, high, low, withscores=True
                )
            for start in range(0, len(found), BATCH):
                part = found[start : start + BATCH]
                infos = self.store.redis.hmget(
                    self.store.failed_infos, [identifier for identifier, _ in part]
                )
                for (identifier, score), data in zip(part, infos, strict=True):
                    if data is not None and choice.takes(brief := _brief(data)):
                        brief.at = score / 1000
                        yield text(identifier), brief
        except FAILURES as error:
            raise unavailable(error, "the failed messages were not read") from error

    def groups(self, choice: Choice) -> list[dict[str, Any]]:
        """The causes, the most frequent first: group, service, cause, count, first, last, and the id of the latest message."""
        found: dict[str, dict[str, Any]] = {}
        for identifier, brief in self.find(choice):
            one = found.setdefault(
                brief.group,
                {
                    "group": brief.group,
                    "service": brief.service,
                    "cause": pattern(brief.cause),
                    "count": 0,
                    "first": brief.at,
                    "last": brief.at,
                    "latest": identifier,
                },
            )
            one["count"] += 1
            one["first"], one["last"] = min(one["first"], brief.at), max(one["last"], brief.at)
        return sorted(found.values(), key=lambda one: (-one["count"], one["service"], one["cause"]))

    def get(self, identifier: str) -> dict[str, Any]:
        """Everything that is known of a message; raises `NotFound`."""
        call, info = self._read(identifier)
        return shown(identifier, decode(call), info)

    def get_many(self, ids: list[str]) -> Iterator[dict[str, Any]]:
        """Everything that is known of several messages; those that are gone are left out."""
        try:
            for start in range(0, len(ids), BATCH):
                part = ids[start : start + BATCH]
                for identifier, found in zip(part, self._read_many(part), strict=True):
                    if found is not None:
                        yield shown(identifier, decode(found[0]), found[1])
        except FAILURES as error:
            raise unavailable(error, "the failed messages were not read") from error

    def edit(self, identifier: str, changes: dict[str, Any], by: str = "") -> dict[str, Any]:
        """Change `service`, `payload` or `extra` of a message; raises `NotFound`, or `Conflict` if somebody else was faster."""
        data, info = self._read(identifier)
        call = decode(data)
        if "payload" in changes:
            call.raw = None
        for name, value in changes.items():
            setattr(call, name, value)
        line = f"edited{f' by {by}' if by else ''}: {', '.join(sorted(changes))}"
        call.history = [*call.history, Attempt(time.time(), line)]
        info.history, info.service = call.history, call.service
        store = self.store
        try:
            keys = [store.failed_calls, store.failed_infos]
            if not store.edit(
                keys=keys, args=[identifier, data, encode(call), encode(info.grouped())]
            ):
                raise Conflict(
                    f"the failed message {identifier} was edited, replayed or deleted in the meantime"
                )
        except FAILURES as error:
            raise unavailable(error, f"the failed message {identifier} was not edited") from error
        return shown(identifier, call, info)

    def replay(self, ids: list[str]) -> Replayed:
        """Put messages back into the queue, each with all its attempts before it; each goes once, whoever asks how often."""
        done, left = 0, 0
        missing: list[str] = []
        store = self.store
        keys = [
            store.stream,
            store.delayed,
            store.failed,
            store.failed_calls,
            store.failed_infos,
            store.counts,
        ]
        try:
            for start in range(0, len(ids), BATCH):
                part = ids[start : start + BATCH]
                more, full, gone = store.replay(keys=keys, args=[self.max_queued, *part])
                done, left, missing = (
                    done + more,
                    left + full,
                    missing + [text(one) for one in gone],
                )
        except FAILURES as error:
            what = f"{done} of {len(ids)} failed messages were replayed, the others perhaps not"
            raise unavailable(error, what) from error
        return Replayed(done, left, missing)

    def delete(self, ids: list[str]) -> int:
        """Drop messages for good; gives how many there were."""
        store, done = self.store, 0
        keys = [store.failed, store.failed_calls, store.failed_infos, store.counts]
        try:
            for start in range(0, len(ids), BATCH):
                done += store.delete(keys=keys, args=ids[start : start + BATCH])
        except FAILURES as error:
            raise unavailable(
                error, f"{done} of {len(ids)} failed messages were deleted"
            ) from error
        return done

    def _read(self, identifier: str) -> tuple[bytes, Info]:
        try:
            (found,) = self._read_many([identifier])
        except FAILURES as error:
            raise unavailable(error, "the failed message was not read") from error
        if found is None:
            raise NotFound(
                f"no failed message has the id {identifier!r}; it may have been replayed or deleted"
            )
        return found

    def _read_many(self, ids: list[str]) -> list[tuple[bytes, Info] | None]:
        """The call and what is known of each, as one step; when it failed is told by Redis, whose clock orders them all."""
        with self.store.redis.pipeline(transaction=True) as pipe:
            pipe.hmget(self.store.failed_calls, ids)
            pipe.hmget(self.store.failed_infos, ids)
            pipe.zmscore(self.store.failed, ids)
            rows = zip(*pipe.execute(), strict=True)
        return [
            (call, _info_at(info, at)) if call and info and at is not None else None
            for call, info, at in rows
        ]


def _info_at(data: bytes, milliseconds: float) -> Info:
    info = _info(data)
    info.at = milliseconds / 1000
    return info


def shown(identifier: str, call: Call, info: Info) -> dict[str, Any]:
    """A message as plain data: the call, and what is known of its failure."""
    found: dict[str, Any] = msgspec.to_builtins(info)
    payload = call.payload
    if call.raw is not None:
        payload = {"$base64": msgspec.to_builtins(call.raw)}
    found |= {"id": identifier, "payload": payload, "extra": call.extra, "callback": call.callback}
    defaults = {"cid": "", "attempts": 0, "worker": "", "traceback": "", "group": "", "history": []}
    return {**defaults, **found, "in_reply_to": call.in_reply_to}
