"""Which samples the cluster keeps: bounded in number, of each service and of all, in bytes and in
age. Both stores keep this index as one text, and a text in a slot for each sample.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
from hansa_admin.writable import write_kept

from .sample import Head, Sample, encoded
from .settings import SamplesSection

DAY = 86_400.0
OTHERS = "(others)"
MOST_COUNTED = 1000
"""Services whose dropped samples are counted by themselves."""


class Index(msgspec.Struct, omit_defaults=True):
    """The samples that are kept, the oldest first, and how many of each service were dropped, since
    more was to be kept than a worker can.
    """

    heads: list[Head] = []
    dropped: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Offer:
    """A sample that is to be kept, among at most `keep` of its service."""

    sample: Sample
    keep: int


@dataclass(frozen=True, slots=True)
class Changed:
    """An index after a change: the texts that are to be written, and the slots to be emptied."""

    index: Index
    texts: Mapping[int, str]
    emptied: frozenset[int]


def read_index(text: str | None) -> Index:
    """Return an index that was stored; an empty one if there was none."""
    return msgspec.json.decode(text, type=Index) if text else Index()


def write_index(index: Index) -> str:
    """Return an index as it is stored."""
    return write_kept(index).decode()


def added(
    index: Index,
    offers: Iterable[Offer],
    dropped: Mapping[str, int],
    bounds: SamplesSection,
    now: float,
) -> Changed:
    """Add samples, and take out those that are over a bound, the oldest first."""
    before = {head.slot for head in index.heads}
    heads = list(index.heads)
    texts: dict[str, str] = {}
    for offer in offers:
        text = encoded(offer.sample)
        head = msgspec.structs.replace(offer.sample.head, bytes=len(text.encode()), slot=-1)
        heads.append(head)
        texts[head.id] = text
        heads = _without_oldest(heads, head.service, offer.keep)
    oldest = now - bounds.max_age * DAY
    heads = _within([head for head in heads if head.at >= oldest], bounds)
    free = _free_slots(heads, bounds.max_samples)
    placed: list[Head] = []
    written: dict[int, str] = {}
    for head in heads:
        if head.slot < 0:
            head = msgspec.structs.replace(head, slot=next(free))
            written[head.slot] = texts[head.id]
        placed.append(head)
    after = {head.slot for head in placed}
    counted = _counted(index.dropped, dropped)
    return Changed(Index(placed, counted), written, frozenset(before - after))


def removed(index: Index, ids: Collection[str], service: str) -> Changed:
    """Take out the samples with these ids, and all of a service if one is named."""
    kept: list[Head] = []
    gone: set[int] = set()
    for head in index.heads:
        if head.id in ids or (service and head.service == service):
            gone.add(head.slot)
        else:
            kept.append(head)
    dropped = {name: count for name, count in index.dropped.items() if name != service}
    return Changed(Index(kept, dropped), {}, frozenset(gone))


def _without_oldest(heads: list[Head], service: str, keep: int) -> list[Head]:
    """Leave out the oldest samples of a service that has too many."""
    over = sum(head.service == service for head in heads) - keep
    kept = []
    for head in heads:
        if over > 0 and head.service == service:
            over -= 1
        else:
            kept.append(head)
    return kept


def _within(heads: list[Head], bounds: SamplesSection) -> list[Head]:
    """Leave out the oldest samples, until the others are within the bounds of all."""
    kept = heads[-bounds.max_samples :]
    size = sum(head.bytes for head in kept)
    first = 0
    while size > bounds.max_bytes:
        size -= kept[first].bytes
        first += 1
    return kept[first:]


def _free_slots(heads: Iterable[Head], number: int) -> Iterator[int]:
    taken = {head.slot for head in heads}
    return (slot for slot in range(number) if slot not in taken)


def _counted(before: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Return how many samples were dropped by now, by service."""
    counts = dict(before)
    for service, count in more.items():
        name = service if service in counts or len(counts) < MOST_COUNTED else OTHERS
        counts[name] = counts.get(name, 0) + count
    return counts
