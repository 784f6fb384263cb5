"""The base of channels that poll a store of records, such as rows of a table or documents."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, TypeAlias, TypeVar

from hansa import Invalid, Request, Response, setting

from .marked import MarkedChannel, MarkSettings
from .marks import Mark

Record: TypeAlias = dict[str, Any]
"""One row or document as plain data, by name of its fields."""


class RecordSettings(MarkSettings):
    """Records.

    Settings of every channel that polls records.
    """

    mark: Annotated[
        str,
        setting(
            "Field used as the mark: unique, and increasing from record to record; or several, such as"
            " a time and a number, separated by commas, that are so together",
            min_length=1,
        ),
    ] = "id"
    first_mark: Annotated[
        int | str,
        setting(
            "Mark to begin after, when there is none yet; of several fields a value for each,"
            " separated by commas"
        ),
    ] = 0
    max_records: Annotated[int, setting("Maximum records of one poll", ge=1, le=100_000)] = 100
    batch: Annotated[
        bool, setting("Deliver the records of a poll as one message, a list of them")
    ] = False

    @property
    def mark_fields(self) -> list[str]:
        """The fields that make up the mark."""
        return [field.strip() for field in self.mark.split(",")]

    @property
    def first_values(self) -> Mark:
        """The mark before the very first record: one value, or a tuple of one for each field."""
        if len(self.mark_fields) == 1:
            return self.first_mark
        return tuple(part.strip() for part in str(self.first_mark).split(","))

    def check(self) -> None:
        """Refuse a first mark that does not have a value for each field; raises `Invalid`."""
        super().check()
        fields = self.mark_fields
        if len(fields) > 1 and len(self.first_values) != len(fields):
            raise Invalid({"first_mark": f"needs {len(fields)} values, separated by commas"})


RecordsT = TypeVar("RecordsT", bound=RecordSettings)


class RecordsChannel(MarkedChannel[RecordsT]):
    """Base of channels that poll records.

    A subclass defines `fetch`, and `report` if the store is to know the outcome. The service gets a
    record as plain data, or with the setting `batch` a list of them.
    """

    ordered = True
    """Whether the mark keeps records from coming again, so that they must come in its order."""

    def fetch(self, mark: Mark) -> list[Record]:
        """Return at most `max_records` records after the mark, the oldest first."""
        raise NotImplementedError

    def report(self, records: list[Record], handled: bool) -> None:
        """Tell the store that records were handled, or given up; raises if that fails.

        A crash may repeat it.
        """

    def connect(self) -> None:
        """Find out how far the store was read."""
        self.first_mark = self.config.first_values
        super().connect()

    def messages_after(self, mark: Mark) -> Iterator[tuple[Mark, Request]]:
        """Return the records after the mark, as messages."""
        records = self.fetch(mark)
        if not records:
            return
        marks = self._marks_of(records)
        if self.config.batch:
            yield marks[-1], Request(payload=records)
            return
        for own, record in zip(marks, records, strict=True):
            yield own, Request(payload=record, headers={"mark": _as_text(own)})

    def _marks_of(self, records: list[Record]) -> list[Mark]:
        fields = self.config.mark_fields
        for field in fields:
            if field not in records[0]:
                raise Invalid({"mark": f"there is no {field!r}, but {', '.join(records[0])}"})
        marks = [_mark_of(record, fields) for record in records]
        if self.ordered:
            self._check_order(marks, fields)
        return marks

    def _check_order(self, marks: list[Mark], fields: list[str]) -> None:
        for mark in marks:
            parts = mark if isinstance(mark, tuple) else (mark,)
            for field, part in zip(fields, parts, strict=True):
                if part is None:
                    raise Invalid(
                        {"mark": f"{field!r} is NULL in a record, and nothing is after that"}
                    )
        if not all(_is_before(earlier, later) for earlier, later in pairwise(marks)):
            fault = (
                f"{self.config.mark!r} is not unique and growing, so that records would be lost:"
                " sort by it"
            )
            raise Invalid({"mark": fault})

    def settle(self, request: Request, response: Response) -> None:
        """Report the outcome to the store."""
        records = request.payload if self.config.batch else [request.payload]
        self.report(records, response.ok)


def _mark_of(record: Record, fields: list[str]) -> Mark:
    if len(fields) == 1:
        return record[fields[0]]
    return tuple(record[field] for field in fields)


def _is_before(earlier: Mark, later: Mark) -> bool:
    """Return whether a mark may be followed by another.

    What Python cannot compare, such as a time and the text `infinity`, is in the store's order.
    """
    try:
        return bool(earlier < later)
    except TypeError:
        return bool(earlier != later)


def _as_text(mark: Mark) -> str:
    if isinstance(mark, tuple):
        return ", ".join(str(part) for part in mark)
    return str(mark)
