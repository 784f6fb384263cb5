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
    """Settings of every channel that polls records."""

    mark: Annotated[
        str,
        setting(
            "Field used as the mark: unique, and increasing from record to record", min_length=1
        ),
    ] = "id"
    first_mark: Annotated[int | str, setting("Mark to begin after, when there is none yet")] = 0
    max_records: Annotated[int, setting("Maximum records of one poll", ge=1, le=100_000)] = 100
    batch: Annotated[
        bool, setting("Deliver the records of a poll as one message, a list of them")
    ] = False


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
        self.first_mark = self.config.first_mark
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
            yield own, Request(payload=record, headers={"mark": str(own)})

    def _marks_of(self, records: list[Record]) -> list[Mark]:
        field = self.config.mark
        if field not in records[0]:
            raise Invalid({"mark": f"there is no {field!r}, but {', '.join(records[0])}"})
        marks = [record[field] for record in records]
        in_order = all(earlier < later for earlier, later in pairwise(marks))
        if self.ordered and not in_order:
            fault = (
                f"{field!r} is not unique and growing, so that records would be lost: sort by it"
            )
            raise Invalid({"mark": fault})
        return marks

    def settle(self, request: Request, response: Response) -> None:
        """Report the outcome to the store."""
        records = request.payload if self.config.batch else [request.payload]
        self.report(records, response.ok)
