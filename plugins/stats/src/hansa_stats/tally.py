"""What is counted of calls: a tally for each service, channel, outgoing connection and security
definition, and for each two of them of which one calls the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, get_args

import msgspec
from hansa_admin.writable import writable

from .buckets import Buckets, bucket_of
from .choices import By

EVERY: tuple[By, ...] = get_args(By)

SeriesKind: TypeAlias = By | Literal["edge"]
KINDS: tuple[SeriesKind, ...] = (*EVERY, "edge")

Series: TypeAlias = tuple[SeriesKind, str]
"""What a tally is of: its kind and its name, that of a channel or connection with its type, that of
an edge as `edges` has it.
"""


class Tally(msgspec.Struct, rename={"errors": "e", "buckets": "b"}, omit_defaults=True):
    """Calls of one service, channel, connection, security definition or edge in a time.

    `count` is that of all calls, `micros` the sum of their durations and `longest` the longest one,
    in microseconds, `errors` the number of those that failed by the code of their error, and `last`
    when the last one was counted, in seconds of the Unix epoch. The `buckets` have no call that was
    refused before it began, which took no time.
    """

    count: int = msgspec.field(default=0, name="n")
    micros: int = msgspec.field(default=0, name="t")
    longest: int = msgspec.field(default=0, name="x")
    last: int = msgspec.field(default=0, name="l")
    errors: dict[str, int] = msgspec.field(default_factory=dict)
    buckets: Buckets = msgspec.field(default_factory=dict)

    @property
    def timed(self) -> int:
        """The number of calls that began."""
        return sum(self.buckets.values())

    @property
    def failures(self) -> int:
        """The number of calls that failed."""
        return sum(self.errors.values())

    def add_durations(self, durations: Iterable[int]) -> None:
        """Count calls that lasted this many nanoseconds."""
        micros = [nanoseconds // 1000 for nanoseconds in durations]
        self.count += len(micros)
        self.micros += sum(micros)
        self.longest = max(self.longest, max(micros, default=0))
        buckets = self.buckets
        # PERF: many calls take equally long: a bucket for each of these durations, and not for each
        # call, takes half the time
        for duration, number in Counter(micros).items():
            bucket = bucket_of(duration)
            buckets[bucket] = buckets.get(bucket, 0) + number

    def add_error(self, code: str) -> None:
        """Note that a call which is counted has failed."""
        self.errors[code] = self.errors.get(code, 0) + 1

    def merge(self, other: Tally) -> None:
        """Add the calls of another tally."""
        self.count += other.count
        self.micros += other.micros
        self.longest = max(self.longest, other.longest)
        self.last = max(self.last, other.last)
        for code, number in other.errors.items():
            self.errors[code] = self.errors.get(code, 0) + number
        for bucket, number in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + number


Table: TypeAlias = dict[Series, Tally]
"""The tallies of a time."""


def merge_tables(into: Table, other: Mapping[Series, Tally]) -> None:
    """Add the calls of another table."""
    for series, tally in other.items():
        into.setdefault(series, Tally()).merge(tally)


def key_of(series: Series) -> str:
    """Return how a series is named where it is stored."""
    return writable(" ".join(series))


def series_of(key: str) -> Series | None:
    """Return the series of a key; None for one of another version, which is left out."""
    by, _, name = key.partition(" ")
    for known in KINDS:
        if by == known:
            return known, name
    return None
