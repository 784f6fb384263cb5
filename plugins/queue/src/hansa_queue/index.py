"""The index of the failed messages: by time, by group and by correlation id, so that counts, groups
and pages are read without reading every message.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar, cast

import msgspec

from .cause import Brief, FailureInfo, GroupSubject
from .store import Store, text

ItemT = TypeVar("ItemT")
BATCH = 500
"""Messages that one call of Redis reads or changes at most."""
HOUR = 3600.0
HOURS = 24
"""Hours of the series of a group."""

_decode_brief = msgspec.json.Decoder(Brief).decode
_decode_info = msgspec.json.Decoder(FailureInfo).decode
_decode_subject = msgspec.json.Decoder(GroupSubject).decode


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
    groups: list[str] | None = None
    server: str = ""

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last time, in milliseconds of the Unix epoch."""
        low = -math.inf if self.since is None else self.since * 1000
        high = math.inf if self.until is None else self.until * 1000
        return low, high

    @property
    def is_narrowed(self) -> bool:
        """Whether there are conditions besides those on id, correlation id and time."""
        return bool(self.service or self.cause or self.group or self.groups or self.server)

    def matches(self, brief: Brief) -> bool:
        """Whether a message meets the conditions besides those on its id and time."""
        if self.service and brief.service != self.service:
            return False
        if self.cid and brief.cid != self.cid:
            return False
        if self.group and brief.group != self.group:
            return False
        if self.groups and brief.group not in self.groups:
            return False
        if self.server and server_of(brief) != self.server:
            return False
        return self.cause.lower() in brief.cause.lower()

    def may_match(self, group: str, subject: GroupSubject) -> bool:
        """Whether messages of a group may meet the conditions."""
        if self.service and subject.service != self.service:
            return False
        if self.groups and group not in self.groups:
            return False
        return not self.group or group == self.group

    def has_all_of(self, subject: GroupSubject) -> bool:
        """Whether all messages of a group meet the conditions, as is known without reading them: the
        pattern of their causes contains the text, and they may be of any server.
        """
        if self.server:
            return False
        return self.cause.lower() in subject.cause.lower() and "*" not in self.cause


def server_of(brief: Brief) -> str:
    """Return the server on which a message failed last."""
    return brief.worker.partition("/")[0]


@dataclass(frozen=True)
class FailedEntry:
    """A failed message in the index: its id, and when it failed in milliseconds of the Unix epoch."""

    at: float
    identifier: str


@dataclass(frozen=True)
class Sources:
    """Where the messages meant are found: all of the span in these sorted sets, and those that are
    named.
    """

    keys: list[str] = field(default_factory=list)
    entries: list[FailedEntry] = field(default_factory=list)


@dataclass(frozen=True)
class IndexedGroup:
    """A group of failed messages as the index has it; times in milliseconds of the Unix epoch."""

    group: str
    subject: GroupSubject
    count: int
    first: float
    last: float
    latest: str


class FailedIndex:
    """The index of a cluster's failed messages; its methods raise what Redis raises."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def complete(self) -> None:
        """Add what workers of an earlier version have put with the failed messages, and remove what
        they have taken out, if that made a difference to the number.
        """
        store = self.store
        with store.redis.pipeline(transaction=True) as pipe:
            pipe.zcard(store.failed)
            pipe.hlen(store.failed_places)
            pipe.exists(store.removals)
            failed, placed, removing = pipe.execute()
        if failed != placed and not removing:
            self.repair()

    def repair(self) -> None:
        """Make the index that of the messages, whatever it was; reads the ids of all."""
        store = self.store
        for batch in batches([entry.identifier for entry in self._of_key(store.failed)]):
            self._add(batch)
        placed_ids = [text(identifier) for identifier in store.redis.hkeys(store.failed_places)]
        for batch in batches(placed_ids):
            store.unindex(keys=store.failed_keys, args=batch)

    def _add(self, ids: list[str]) -> None:
        """Add those of some messages that the index does not have."""
        store = self.store
        places = store.redis.hmget(store.failed_places, ids)
        absent = [one for one, place in zip(ids, places, strict=True) if place is None]
        if not absent:
            return
        arguments: list[str | bytes] = []
        for identifier, data in zip(
            absent, store.redis.hmget(store.failed_infos, absent), strict=True
        ):
            if data is not None:
                info = _decode_info(data)
                info.assign_group()
                arguments += [identifier, *info.placement()]
        store.index(keys=store.failed_keys, args=arguments)

    # -- what is meant -----------------------------------------------------------------------------

    def sources(self, selection: Selection) -> Sources:
        """Return where the messages meant are found; reads messages only as far as the index does
        not tell.
        """
        self.complete()
        if selection.ids is not None:
            return Sources(entries=self._matching(selection, self._named(selection)))
        if selection.cid:
            return Sources(entries=self._matching(selection, self._of_cid(selection)))
        if not selection.is_narrowed:
            return Sources([self.store.failed])
        keys: list[str] = []
        entries: list[FailedEntry] = []
        for group, subject in self.subjects().items():
            if not selection.may_match(group, subject):
                continue
            key = self.store.failed_group(group)
            if selection.has_all_of(subject):
                keys.append(key)
            else:
                entries += self._matching(selection, self._of_key(key, *selection.span))
        entries.sort(key=_order, reverse=True)
        return Sources(keys, entries)

    def subjects(self) -> dict[str, GroupSubject]:
        """Return what each group is about."""
        found = self.store.redis.hgetall(self.store.failed_groups)
        return {text(group): _decode_subject(data) for group, data in found.items()}

    def _named(self, selection: Selection) -> list[FailedEntry]:
        """Return those of the named messages that are there, in the span."""
        ids = selection.ids or []
        if not ids:
            return []
        low, high = selection.span
        times = self.store.redis.zmscore(self.store.failed, ids)
        return [
            FailedEntry(at, identifier)
            for identifier, at in zip(ids, times, strict=True)
            if at is not None and low <= at <= high
        ]

    def _of_cid(self, selection: Selection) -> list[FailedEntry]:
        """Return the messages of a correlation id, in the span."""
        low = f"[{selection.cid}\0".encode()
        members = self.store.redis.zrangebylex(self.store.failed_cids, low, low + b"\xff")
        ids = [text(member).rpartition("\0")[2] for member in members]
        entries = self._named(Selection(ids, since=selection.since, until=selection.until))
        return sorted(entries, key=_order, reverse=True)

    def _of_key(
        self,
        key: str,
        low: float = -math.inf,
        high: float = math.inf,
        skip: int = 0,
        most: int = -1,
    ) -> list[FailedEntry]:
        """Return the entries of a sorted set, the latest first."""
        found = cast(
            "list[tuple[bytes, float]]",
            self.store.redis.zrevrangebyscore(
                key, high, low, start=skip, num=most, withscores=True
            ),
        )
        return [FailedEntry(at, text(identifier)) for identifier, at in found]

    def _matching(self, selection: Selection, entries: list[FailedEntry]) -> list[FailedEntry]:
        """Return those of some messages that meet the conditions, by what they hold."""
        if not (selection.is_narrowed or selection.cid):
            return entries
        found: list[FailedEntry] = []
        for batch in batches(entries):
            for entry, brief in self.briefs(batch):
                if selection.matches(brief):
                    found.append(entry)
        return found

    # -- what is read ------------------------------------------------------------------------------

    def briefs(self, entries: list[FailedEntry]) -> Iterator[tuple[FailedEntry, Brief]]:
        """Yield the summaries of up to 500 messages; those that are gone are left out."""
        if not entries:
            return
        ids = [entry.identifier for entry in entries]
        infos = self.store.redis.hmget(self.store.failed_infos, ids)
        for entry, data in zip(entries, infos, strict=True):
            if data is not None:
                brief = _decode_brief(data)
                brief.at = entry.at / 1000
                yield entry, brief

    def count(self, selection: Selection) -> int:
        """Return how many messages are meant."""
        sources = self.sources(selection)
        return self._count(sources, selection)

    def _count(self, sources: Sources, selection: Selection) -> int:
        with self.store.redis.pipeline(transaction=False) as pipe:
            for key in sources.keys:
                pipe.zcount(key, *selection.span)
            counts: list[int] = pipe.execute()
        return len(sources.entries) + sum(counts)

    def page(self, selection: Selection, offset: int, limit: int) -> tuple[list[FailedEntry], int]:
        """Return a page of the messages meant, the latest first, and how many there are in all."""
        sources = self.sources(selection)
        total = self._count(sources, selection)
        if len(sources.keys) == 1 and not sources.entries:
            return self._of_key(sources.keys[0], *selection.span, offset, limit), total
        found = list(sources.entries)
        for key in sources.keys:
            found += self._of_key(key, *selection.span, 0, offset + limit)
        found.sort(key=_order, reverse=True)
        return found[offset : offset + limit], total

    def groups(self, selection: Selection) -> list[IndexedGroup]:
        """Return the groups of the messages meant, the most frequent first."""
        sources = self.sources(selection)
        subjects = self.subjects()
        if sources.keys == [self.store.failed]:
            sources = Sources([self.store.failed_group(group) for group in subjects])
        found = self._groups_of_keys(subjects, sources.keys, selection)
        if sources.entries:
            found += self._groups_of_entries(subjects, sources.entries)
        return sorted(found, key=lambda one: (-one.count, one.subject.service, one.subject.cause))

    def _groups_of_keys(
        self, subjects: dict[str, GroupSubject], keys: list[str], selection: Selection
    ) -> list[IndexedGroup]:
        low, high = selection.span
        with self.store.redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.zcount(key, low, high)
                pipe.zrangebyscore(key, low, high, 0, 1, withscores=True)
                pipe.zrevrangebyscore(key, high, low, 0, 1, withscores=True)
            answers = pipe.execute()
        found = []
        for key, count, first, last in zip(
            keys, answers[::3], answers[1::3], answers[2::3], strict=True
        ):
            group = key.rpartition(":")[2]
            if first and last and group in subjects:
                latest, at = last[0]
                found.append(
                    IndexedGroup(group, subjects[group], count, first[0][1], at, text(latest))
                )
        return found

    def _groups_of_entries(
        self, subjects: dict[str, GroupSubject], entries: list[FailedEntry]
    ) -> list[IndexedGroup]:
        """Return the groups of some messages, the latest of which come first."""
        members: dict[str, list[FailedEntry]] = {}
        for batch in batches(entries):
            ids = [entry.identifier for entry in batch]
            places = self.store.redis.hmget(self.store.failed_places, ids)
            for entry, place in zip(batch, places, strict=True):
                if place is not None:
                    members.setdefault(text(place)[:12], []).append(entry)
        found = []
        for group, its in members.items():
            if group in subjects:
                subject = subjects[group]
                first, last = its[-1], its[0]
                one = IndexedGroup(group, subject, len(its), first.at, last.at, last.identifier)
                found.append(one)
        return found

    def series(self, groups: list[str], now: float) -> list[list[int]]:
        """Return how many messages of each group failed in each of the last 24 hours, the oldest
        first.
        """
        starts = [(now - hour * HOUR) * 1000 for hour in range(HOURS, 0, -1)]
        with self.store.redis.pipeline(transaction=False) as pipe:
            for group in groups:
                for start in starts:
                    key = self.store.failed_group(group)
                    pipe.zcount(key, start, f"({start + HOUR * 1000}")
            counts = pipe.execute()
        return [counts[each : each + HOURS] for each in range(0, len(counts), HOURS)]


def _order(entry: FailedEntry) -> tuple[float, str]:
    return entry.at, entry.identifier


def batches(items: list[ItemT]) -> Iterator[list[ItemT]]:
    """Yield a list in parts of 500."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
