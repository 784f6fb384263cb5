"""The messages that ran out of attempts: found, grouped by cause, shown, edited, replayed and
deleted.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec
from hansa import Conflict, NotFound, PlainSettings

from .call import Attempt, Call, decode, encode
from .cause import Brief, FailureInfo
from .index import FailedIndex, IndexedGroup, Selection, Sources, batches
from .store import FAILURES, ScriptArgument, Store, text, unavailable

DAY = 86_400.0
MOST_IN_SCRIPT = 1000
"""Messages that one script takes."""


@dataclass(frozen=True)
class Replayed:
    """The result of a replay: how many went back into the queue, how many found no room in it, and
    which were gone.
    """

    replayed: int
    left: int
    missing: list[str]


_decode_info = msgspec.json.Decoder(FailureInfo).decode


class FailedMessages:
    """The failed messages of a cluster. All methods raise `Unavailable` when Redis does not answer."""

    def __init__(self, store: Store, max_queued: int) -> None:
        self.store = store
        self.max_queued = max_queued
        self.index = FailedIndex(store)

    def find(self, selection: Selection) -> Iterator[tuple[str, Brief]]:
        """Yield id and summary of the messages meant, the latest first."""
        page, _ = self.page(selection, 0, self.count(selection))
        yield from page

    def page(
        self, selection: Selection, offset: int, limit: int
    ) -> tuple[list[tuple[str, Brief]], int]:
        """Return a page of the messages meant, each with its id, the latest first, and how many
        there are in all.
        """
        try:
            entries, total = self.index.page(selection, offset, limit)
            found = []
            for batch in batches(entries):
                for entry, brief in self.index.briefs(batch):
                    found.append((entry.identifier, brief))
        except FAILURES as error:
            raise unavailable(error, "the failed messages were not read") from error
        return found, total

    def count(self, selection: Selection) -> int:
        """Return how many messages are meant."""
        try:
            return self.index.count(selection)
        except FAILURES as error:
            raise unavailable(error, "the failed messages were not counted") from error

    def there(self, selection: Selection) -> list[str]:
        """Return those of the named messages that are there, and meet the conditions."""
        try:
            sources = self.index.sources(selection)
        except FAILURES as error:
            raise unavailable(error, "the failed messages were not read") from error
        return [entry.identifier for entry in sources.entries]

    def groups(self, selection: Selection) -> list[IndexedGroup]:
        """Return the groups of the messages meant by cause, the most frequent first."""
        try:
            return self.index.groups(selection)
        except FAILURES as error:
            raise unavailable(error, "the failed messages were not read") from error

    def series(self, groups: list[str]) -> list[list[int]]:
        """Return how many messages of each group failed in each of the last 24 hours, the oldest
        first.
        """
        try:
            return self.index.series(groups, self._now())
        except FAILURES as error:
            raise unavailable(error, "the failed messages were not counted") from error

    def get(self, identifier: str) -> PlainSettings:
        """Return everything that is known of a message, as plain data; raises `NotFound`."""
        call, info = self._read(identifier)
        return shown(identifier, decode(call), info)

    def get_many(self, ids: list[str]) -> Iterator[PlainSettings]:
        """Yield everything that is known of several messages; those that are gone are left out."""
        try:
            for batch in batches(ids):
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
        store = self.store
        arguments: list[ScriptArgument] = [identifier, data, encode(call), info.encoded()]
        arguments += info.placement()
        try:
            changed = store.edit(keys=store.failed_keys, args=arguments)
        except FAILURES as error:
            raise unavailable(error, f"the failed message {identifier} was not edited") from error
        if not changed:
            raise Conflict(
                f"the failed message {identifier} was edited, replayed or deleted in the meantime"
            )
        return shown(identifier, call, info)

    def replay(self, selection: Selection) -> Replayed:
        """Put messages back into the queue with all their attempts; each goes back once, however
        often it is asked for.
        """
        store = self.store
        keys = [store.stream, store.delayed, store.counts, *store.failed_keys]
        replayed = 0
        missing: list[str] = []
        left = 0
        try:
            selection, sources = self.now_there(selection)
            for batch in batches([entry.identifier for entry in sources.entries]):
                done, full, gone = store.replay(keys=keys, args=[self.max_queued, *batch])
                replayed += done
                left += full
                missing += [text(identifier) for identifier in gone]
            for key in sources.keys:
                arguments: list[ScriptArgument] = [
                    self.max_queued,
                    *selection.span,
                    MOST_IN_SCRIPT,
                ]
                looked_at = 1
                while looked_at:
                    looked_at, done = store.replay_range(keys=[*keys, key], args=arguments)
                    replayed += done
                left += store.redis.zcount(key, *selection.span)
        except FAILURES as error:
            what = f"{replayed} failed messages were replayed, the others perhaps not"
            raise unavailable(error, what) from error
        return Replayed(replayed, left, missing)

    def delete(self, selection: Selection) -> int:
        """Delete messages for good; returns how many there were."""
        store = self.store
        keys = [store.counts, *store.failed_keys]
        deleted = 0
        try:
            selection, sources = self.now_there(selection)
            for batch in batches([entry.identifier for entry in sources.entries]):
                deleted += store.delete(keys=keys, args=batch)
            for key in sources.keys:
                name = secrets.token_hex(6)
                deleted += store.delete_range(
                    keys=[*keys, key, store.removals, store.removal(name)],
                    args=[*selection.span, name],
                )
        except FAILURES as error:
            what = f"{deleted} failed messages were deleted, the others perhaps not"
            raise unavailable(error, what) from error
        return deleted

    def forget(self, days: float) -> int:
        """Delete the messages that failed more than so many days ago; returns how many."""
        return self.delete(Selection(until=self._now() - days * DAY))

    def remove_deleted(self) -> bool:
        """Remove a part of what deleted messages have left; returns whether there was any. Raises
        what Redis raises.

        PERF: to delete 100,000 messages takes 0.2 s instead of 1.5 s, for which Redis would answer
        nobody else.
        """
        store = self.store
        names = [text(name) for name in store.redis.smembers(store.removals)]
        for name in names:
            keys = [*store.failed_keys, store.removals, store.removal(name)]
            store.remove(keys=keys, args=[name, MOST_IN_SCRIPT])
        return bool(names)

    def now_there(self, selection: Selection) -> tuple[Selection, Sources]:
        """Return a selection without what fails from now on, and where its messages are found."""
        now = self._now()
        until = now if selection.until is None else min(now, selection.until)
        closed = replace(selection, until=until)
        return closed, self.index.sources(closed)

    def _now(self) -> float:
        """Return the time of Redis, by which messages fail, in seconds of the Unix epoch."""
        seconds, microseconds = self.store.redis.time()
        return float(seconds) + float(microseconds) / 1e6

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
