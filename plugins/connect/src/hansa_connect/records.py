"""The base of channels that poll a store of records, such as rows or documents: a record or a batch is a message."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any

from hansa import Invalid, Request, Response, setting

from .marks import Marked, MarkedChannel

Record = dict[str, Any]


class Records(Marked):
    """Settings of every channel that polls records."""

    mark: Annotated[
        str,
        setting("Field that is the mark: unique, and growing from record to record", min_length=1),
    ] = "id"
    first_mark: Annotated[int | str, setting("Mark before the very first record")] = 0
    max_records: Annotated[int, setting("Most records of one look", ge=1, le=100_000)] = 100
    batch: Annotated[bool, setting("Whether the records of a look are one message, a list")] = False


class RecordsChannel(MarkedChannel):
    """Base of channels that poll records: a subclass gives `fetch`, and where the store is to be told, `tell`.

    Its Config has the settings of `Records`. The service gets a record as plain data, or with `batch` a list of them.
    """

    ordered = True
    """Whether it is the mark that keeps records from coming again, so that they must come in its order."""

    def fetch(self, mark: Any) -> list[Record]:
        """At most `max_records` records after the mark, the oldest first."""
        raise NotImplementedError

    def tell(self, records: list[Record], handled: bool) -> None:
        """Tell the store that records were handled, or given up. It may be told twice; raises if it fails."""

    def connect(self) -> None:
        """Find out how far the store was read."""
        self.first_mark = self.config.first_mark
        super().connect()

    def look(self, mark: Any) -> Iterator[tuple[Any, Request]]:
        """The records after the mark, as messages."""
        config: Any = self.config
        records = self.fetch(mark)
        if records and config.mark not in records[0]:
            raise Invalid({"mark": f"there is no {config.mark!r}, but {', '.join(records[0])}"})
        marks = [record[config.mark] for record in records]
        if self.ordered and not all(earlier < later for earlier, later in pairwise(marks)):
            raise Invalid(
                {
                    "mark": f"{config.mark!r} is not unique and growing, so that records would be lost: sort by it"
                }
            )
        if config.batch and records:
            yield marks[-1], Request(payload=records)
        elif not config.batch:
            for own, record in zip(marks, records, strict=True):
                yield own, Request(payload=record, headers={"mark": str(own)})

    def settle(self, request: Request, response: Response) -> None:
        """Tell the store."""
        self.tell(request.payload if self.config.batch else [request.payload], response.ok)
