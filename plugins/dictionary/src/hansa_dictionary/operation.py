"""What the admin services of dictionaries and translations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from hansa import DefinitionRecord, HansaError, Key, Model, setting
from hansa_admin.operation import Operation

from .kinds import KIND, Dictionary, Translation
from .settings import LONGEST_VALUE, WORD
from .tables import Tables

ATTEMPTS = 10
"""Attempts at a change while others change the same tables."""


class Subject(Model):
    """A system and a key."""

    system: Annotated[str, setting("Name of the system", example="crm", pattern=WORD)]
    key: Annotated[str, setting("Name of what the values are of", example="currency", pattern=WORD)]


class Direction(Model):
    """What is translated to what."""

    system1: Annotated[str, setting("System to translate from", example="crm", pattern=WORD)]
    key1: Annotated[str, setting("Key to translate from", example="currency", pattern=WORD)]
    system2: Annotated[str, setting("System to translate to", example="iso", pattern=WORD)]
    key2: Annotated[str, setting("Key to translate to", example="number", pattern=WORD)]


class Value1(Direction):
    """A value to be translated."""

    value1: Annotated[
        str,
        setting("Value in the first system", example="USD", min_length=1, max_length=LONGEST_VALUE),
    ]


class Value2(Value1):
    """A value and its translation."""

    value2: Annotated[
        str, setting("Value in the second system", example="840", max_length=LONGEST_VALUE)
    ]


class Changed(Model):
    """What became of a change."""

    revision: Annotated[
        int | None, setting("Revision of the change; null if there was nothing to change")
    ] = None
    applied: Annotated[list[str], setting("Workers that have applied it")] = []
    pending: Annotated[list[str], setting("Workers that have yet to apply it")] = []


class DataOperation(Operation):
    """An operation on dictionaries and translations."""

    abstract = True

    def tables(self) -> Tables:
        """Return the tables as they are defined."""
        return Tables(self._records())

    def change(self, act: Callable[[Tables], None]) -> Changed:
        """Change rows, in one revision; what others have changed meanwhile is built upon. Raises
        what `act` raises, and `Invalid` or `Conflict`.
        """
        for attempt in range(1, ATTEMPTS + 1):
            records = self._records()
            tables = Tables(records)
            act(tables)
            edits = tables.edits_since(Tables(records))
            if not edits:
                break
            try:
                done = self.server.definitions.change(edits, by=self.caller)
            except HansaError:
                is_current = _revisions(records) == _revisions(self._records())
                if is_current or attempt == ATTEMPTS:
                    raise
                continue
            return Changed(revision=done.revision, applied=done.applied, pending=done.pending)
        return Changed()

    def _records(self) -> list[DefinitionRecord]:
        """Return the definitions of the two types; other plugins have types of this kind, too."""
        definitions = self.server.definitions
        return [*definitions.all(KIND, Dictionary.type), *definitions.all(KIND, Translation.type)]


def _revisions(records: list[DefinitionRecord]) -> dict[Key, int]:
    return {record.key: record.revision for record in records}
