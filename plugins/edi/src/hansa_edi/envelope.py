"""Envelopes: pairs of headers and trailers around segments, read with all their faults, and written.

EDIFACT and X12 have the same shape: a trailer counts what is in its envelope, and repeats the
reference of its header.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .segment import Faults, Segment, tag_of, text_at

Plain: TypeAlias = dict[str, Any]
"""An interchange, group or message as plain data."""


@dataclass(frozen=True, slots=True)
class Level:
    """One kind of envelope.

    `key` is where those inside of its parent are, and `loose` where segments directly inside of it
    are that `loose_tags` names; all tags if that is empty. `number` is the element of the header
    that has the reference.
    """

    opens: str
    closes: str
    number: int
    key: str = ""
    loose: str = ""
    loose_tags: tuple[str, ...] = ()
    inside: tuple[Level, ...] = ()

    @property
    def holds_segments(self) -> bool:
        """Whether it is a message: it counts segments, its header and trailer among them."""
        return not self.inside

    def takes(self, tag: str) -> bool:
        """Whether a segment of a tag stands directly inside."""
        return bool(self.loose) and (not self.loose_tags or tag in self.loose_tags)


@dataclass(slots=True)
class _Open:
    """An envelope that has begun and not ended."""

    level: Level
    data: Plain
    place: str
    references: set[tuple[str, str]] = field(default_factory=set)

    @property
    def count(self) -> int:
        """What its trailer has to say."""
        if self.level.holds_segments:
            return len(self.data[self.level.loose]) + 2
        # groups are counted where there are any, else messages
        return next((len(self.data[one.key]) for one in self.level.inside if self.data[one.key]), 0)


class EnvelopeReader:
    """Takes segments one after the other, and puts them into envelopes; `faults` gets what is wrong."""

    def __init__(self, top: Level, faults: Faults) -> None:
        self.found: list[Plain] = []
        self._top = top
        self._faults = faults
        self._open: list[_Open] = []
        self._levels = {level.opens: level for level in _all_levels(top)}
        self._closing = {level.closes: level for level in self._levels.values()}

    def add(self, segment: Segment, number: int) -> None:
        """Take the next segment of the message; `number` counts from 1."""
        tag = tag_of(segment)
        place = f"segment {number} ({tag})" if tag else f"segment {number}"
        if not tag:
            self._faults.add(place, "has no tag of two or three capital letters and digits")
        elif tag in self._levels:
            self._begin(self._levels[tag], segment, place)
        elif tag in self._closing:
            self._end(self._closing[tag], segment, place)
        elif self._open and self._open[-1].level.takes(tag):
            self._open[-1].data[self._open[-1].level.loose].append(segment)
        else:
            self._faults.add(place, "stands outside of a message")

    def end(self) -> None:
        """Note what has not ended."""
        for one in reversed(self._open):
            self._faults.add(one.place, f"has no {one.level.closes}")

    def _begin(self, level: Level, segment: Segment, place: str) -> None:
        parent = self._parent_of(level, place)
        if parent is None and level is not self._top:
            self._faults.add(place, "stands outside of an interchange")
        self._check_reference(level, segment, place, parent)
        data: Plain = {"header": segment}
        if level.loose:
            data[level.loose] = []
        for one in level.inside:
            data[one.key] = []
        if parent is None:
            self.found.append(data)
        else:
            parent.data[level.key].append(data)
            if sum(bool(parent.data[one.key]) for one in parent.level.inside) > 1:
                self._faults.add(place, "messages stand in groups and beside them")
        self._open.append(_Open(level, data, place))

    def _parent_of(self, level: Level, place: str) -> _Open | None:
        """Return the envelope that this kind stands in; what is open below it has no trailer."""
        while self._open and level not in self._open[-1].level.inside:
            one = self._open.pop()
            self._faults.add(one.place, f"has no {one.level.closes} before {place}")
        return self._open[-1] if self._open else None

    def _check_reference(
        self, level: Level, segment: Segment, place: str, parent: _Open | None
    ) -> None:
        reference = text_at(segment, level.number)
        if not reference:
            self._faults.add(place, f"has no reference in its element {level.number}")
        elif parent is not None:
            if (level.opens, reference) in parent.references:
                self._faults.add(place, f"the reference {reference} is used twice")
            parent.references.add((level.opens, reference))

    def _end(self, level: Level, segment: Segment, place: str) -> None:
        if all(one.level is not level for one in self._open):
            self._faults.add(place, f"there is no {level.opens} before it")
            return
        while self._open[-1].level is not level:
            one = self._open.pop()
            self._faults.add(one.place, f"has no {one.level.closes} before {place}")
        one = self._open.pop()
        for fault in _faults_of_trailer(one, segment):
            self._faults.add(place, fault)


def _faults_of_trailer(one: _Open, trailer: Segment) -> Iterator[str]:
    """Yield what a trailer says that is not so, as one text."""
    wrong = []
    count = text_at(trailer, 1)
    if not (count.isascii() and count.isdigit() and len(count) < 12):
        wrong.append(f"has no count in its element 1, and there are {one.count}")
    elif int(count) != one.count:
        wrong.append(f"counts {int(count)}, and there are {one.count}")
    header = text_at(one.data["header"], one.level.number)
    reference = text_at(trailer, 2)
    if reference != header:
        wrong.append(f"has the reference {reference!r}, and its {one.level.opens} has {header!r}")
    if wrong:
        yield "; ".join(wrong)


def segments_of(data: Plain, level: Level) -> Iterator[tuple[Segment, str]]:
    """Yield the segments of an envelope and their paths, with its trailer, which is counted."""
    yield data["header"], "header"
    yield from _loose_of(data, level)
    count = len(data[level.loose]) + 2 if level.holds_segments else 0
    for one in level.inside:
        count = count or len(data[one.key])
        for position, part in enumerate(data[one.key]):
            for segment, path in segments_of(part, one):
                yield segment, f"{one.key}[{position}].{path}"
    yield [level.closes, str(count), text_at(data["header"], level.number)], "trailer"


def _loose_of(data: Plain, level: Level) -> Iterator[tuple[Segment, str]]:
    if level.loose:
        for position, segment in enumerate(data[level.loose]):
            yield segment, f"{level.loose}[{position}]"


def check_envelope(data: Plain, level: Level, path: str, faults: Faults) -> None:
    """Note what cannot be written: headers of another kind, references that are missing or used
    twice, messages in groups and beside them.
    """
    _check_header(data["header"], level, path, faults)
    for position, segment in enumerate(data[level.loose] if level.loose else ()):
        tag = tag_of(segment)
        place = f"{path}{level.loose}[{position}]"
        if not tag:
            faults.add(place, "has no tag of two or three capital letters and digits")
        elif tag in RESERVED or not level.takes(tag):
            faults.add(place, f"{tag} cannot stand here")
    if sum(bool(data[one.key]) for one in level.inside) > 1:
        faults.add(f"{path}messages", "stand in groups and beside them")
    for one in level.inside:
        used: set[str] = set()
        for position, part in enumerate(data[one.key]):
            place = f"{path}{one.key}[{position}]."
            reference = text_at(part["header"], one.number)
            if reference in used:
                faults.add(f"{place}header", f"the reference {reference} is used twice")
            used.add(reference)
            check_envelope(part, one, place, faults)


def _check_header(header: Segment, level: Level, path: str, faults: Faults) -> None:
    if tag_of(header) != level.opens:
        faults.add(f"{path}header", f"is no {level.opens}")
    elif not text_at(header, level.number):
        faults.add(f"{path}header", f"has no reference in its element {level.number}")


def _all_levels(level: Level) -> Iterator[Level]:
    yield level
    for one in level.inside:
        yield from _all_levels(one)


MESSAGE = Level("UNH", "UNT", 1, "messages", "segments")
EDIFACT = Level(
    "UNB", "UNZ", 5, inside=(Level("UNG", "UNE", 5, "groups", inside=(MESSAGE,)), MESSAGE)
)
TRANSACTION = Level("ST", "SE", 2, "transactions", "segments")
X12 = Level(
    "ISA",
    "IEA",
    13,
    loose="acknowledgements",
    loose_tags=("TA1",),
    inside=(Level("GS", "GE", 6, "groups", inside=(TRANSACTION,)),),
)
_EDIFACT_TAGS = {tag for level in _all_levels(EDIFACT) for tag in (level.opens, level.closes)}
_X12_TAGS = {tag for level in _all_levels(X12) for tag in (level.opens, level.closes)}
RESERVED = frozenset(_EDIFACT_TAGS | _X12_TAGS | {"UNA"})
"""Tags of envelopes."""
