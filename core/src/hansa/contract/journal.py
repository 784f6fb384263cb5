"""Journals: numbered records of the cluster, which are only ever added at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One record: its number, from 1 without gaps, and its text."""

    number: int
    text: str


Compose: TypeAlias = Callable[[int, JournalRecord | None], str]
"""Returns the text of a new record, from its number and the newest record there is; None if there
is none. It may be called again, for another attempt.
"""


class Journal(Protocol):
    """The records of one name in the operational database (ODB) of the cluster.

    All writers of the cluster stand in one line, so that each record is composed with the one
    before it known.
    """

    def append(self, compose: Compose, *, drop_through: int = 0) -> JournalRecord:
        """Add a record, and drop those up to a number in the same transaction; raises
        `Unavailable`.
        """

    def read(self, *, after: int = 0, limit: int = 1000) -> list[JournalRecord]:
        """Return the records after a number, the oldest first; raises `Unavailable`."""

    def read_back(self, *, before: int = 0, limit: int = 1000) -> list[JournalRecord]:
        """Return the records before a number, by default the newest, the newest first; raises
        `Unavailable`.
        """
