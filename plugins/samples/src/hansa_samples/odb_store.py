"""The samples of a cluster without a Redis, in its operational database (ODB): the index and each
slot are a journal of one record, which is replaced.
"""

from __future__ import annotations

from collections.abc import Callable

from hansa import Journal, JournalRecord

from .index import Changed, Index, read_index, write_index

ALL_BEFORE = 2**31 - 1
"""The number up to which records are dropped when another one is added: all that are there."""
INDEX = "samples.index"


class OdbStore:
    """The samples of a cluster in its ODB, by the journals of a server.

    A sample is a transaction, and all writers of the ODB stand in one line, so few are added at
    once.
    """

    most_at_once = 20

    def __init__(self, journal: Callable[[str], Journal]) -> None:
        self._journal = journal

    def change(self, change: Callable[[Index], Changed]) -> None:
        """Change the index in one transaction, and then the texts.

        A text of an earlier change does not take the place of one of a later change.
        """
        made: list[Changed] = []

        def compose(number: int, last: JournalRecord | None) -> str:
            made.append(change(read_index(last.text if last else None)))
            return write_index(made[-1].index)

        number = self._journal(INDEX).append(compose, drop_through=ALL_BEFORE).number
        changed = made[-1]
        for slot in changed.emptied - changed.texts.keys():
            self._write(slot, number, "")
        for slot, text in changed.texts.items():
            self._write(slot, number, text)

    def index(self) -> Index:
        """Return the index."""
        records = self._journal(INDEX).read_back(limit=1)
        return read_index(records[0].text if records else None)

    def text(self, slot: int) -> str | None:
        """Return the text in a slot; None if it is empty."""
        records = self._journal(_name(slot)).read_back(limit=1)
        return _text(records[0]) or None if records else None

    def _write(self, slot: int, change: int, text: str) -> None:
        def compose(number: int, last: JournalRecord | None) -> str:
            if last is not None and _change(last) > change:
                return last.text
            return f"{change}\n{text}"

        self._journal(_name(slot)).append(compose, drop_through=ALL_BEFORE)


def _name(slot: int) -> str:
    return f"samples.{slot}"


def _change(record: JournalRecord) -> int:
    return int(record.text.partition("\n")[0])


def _text(record: JournalRecord) -> str:
    return record.text.partition("\n")[2]
