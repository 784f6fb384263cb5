"""The verification of the chain: finds records that were changed, removed or inserted, and says
where.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from hansa import JournalRecord

from .record import PlainRecord
from .trail import CHECKPOINT, MISSING, Head, head_of


@dataclass(slots=True)
class Fault:
    """What is wrong, and the number of the record where it shows."""

    number: int
    fault: str


@dataclass(slots=True)
class Verification:
    """What was found; `last` is the newest record, None if there is none."""

    records: int = 0
    first: int = 0
    last: Head | None = None
    faults: list[Fault] = field(default_factory=list)


def shown(found: Verification, *, end_known: bool) -> PlainRecord:
    """Return what was found as answers and commands show it; `end_known` says whether the newest
    record was known from elsewhere.
    """
    last = found.last or Head(0, "")
    return {
        "records": found.records,
        "first": found.first,
        "last": last.number,
        "digest": last.digest,
        "end_known": end_known,
        "faults": [{"number": one.number, "fault": one.fault} for one in found.faults],
    }


class Verifier:
    """Reads the records in the order of their numbers, one after the other."""

    def __init__(self) -> None:
        self.found = Verification()
        self._first_previous = ""
        self._checkpoint = Head(0, "")

    def read(self, records: Iterable[JournalRecord]) -> None:
        """Check further records."""
        for record in records:
            self._check(record)

    def end(self, head: Head | None = None, *, is_part: bool = False) -> Verification:
        """Return what was found; `head` is the newest record as it is kept elsewhere. A part of the
        log may begin anywhere.
        """
        if self.found.records and not is_part:
            self._check_start()
        if head is not None:
            self._check_end(head)
        return self.found

    def _check(self, record: JournalRecord) -> None:
        found = self.found
        found.records += 1
        data = _read(record.text)
        if data is None or data.get("number") != record.number:
            self._fault(record.number, "was changed: its text is not that of a record")
            data = {}
        last = found.last
        if last is None:
            found.first = record.number
            self._first_previous = str(data.get("previous", ""))
        elif record.number > last.number + 1:
            self._fault(record.number, f"{_range(last.number + 1, record.number - 1)} missing")
        elif data and data.get("previous") != last.digest:
            self._fault(
                record.number,
                f"does not follow the record {last.number}: that one was changed, or this one was "
                "put in its place",
            )
        self._read_notes(record.number, data)
        found.last = head_of(record)

    def _read_notes(self, number: int, data: PlainRecord) -> None:
        """Take in what a record says about others."""
        checkpoint = _head_in(data.get(CHECKPOINT))
        if checkpoint is not None and checkpoint.number > self._checkpoint.number:
            self._checkpoint = checkpoint
        missing = _head_in(data.get(MISSING))
        if missing is not None:
            gone = f"the record {missing.number} was gone, or changed, when this one was written"
            self._fault(number, gone)

    def _check_start(self) -> None:
        """Check that nothing is missing at the beginning but what a checkpoint says was dropped."""
        first = self.found.first
        through, digest = self._checkpoint
        if first == through + 1:
            if self._first_previous != digest:
                self._fault(first, f"does not follow the record {through} that was dropped")
        elif first > through + 1:
            self._fault(first, f"{_range(through + 1, first - 1)} missing")
        else:
            self._fault(first, f"records up to {through} were dropped, and this one is there")

    def _check_end(self, head: Head) -> None:
        last = self.found.last or Head(0, "")
        if head.number > last.number:
            self._fault(head.number, f"{_range(last.number + 1, head.number)} missing")
        elif head.number == last.number and head.digest != last.digest:
            self._fault(head.number, "was changed")

    def _fault(self, number: int, fault: str) -> None:
        self.found.faults.append(Fault(number, fault))


def _range(first: int, last: int) -> str:
    return f"the record {first} is" if first == last else f"the records {first} to {last} are"


def _head_in(value: object) -> Head | None:
    """Return what a record says about another one; None if it says nothing that can be read."""
    try:
        return msgspec.convert(value, Head)
    except msgspec.ValidationError:
        return None


def _read(text: str) -> PlainRecord | None:
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
