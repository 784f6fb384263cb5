"""Messages in CSV (RFC 4180) as they are masked: by the names of their columns, in the first row."""

from __future__ import annotations

import csv
import io
import re

from .found import MASK, FoundValues, Sweep
from .payloads import Payload, Unreadable, is_masked_field
from .rules import Rules

CONTENT_TYPES = frozenset({"text/csv", "application/csv", "text/tab-separated-values"})
_DELIMITERS = ",;\t|"
_is_name = re.compile(r"[\w.-]{1,100}", re.ASCII).fullmatch
"""Whether a cell is what programs call a column, and no sentence."""


class CsvPayload(Payload):
    """Rows below one with the names of the columns."""

    def __init__(
        self, rows: list[list[str]], delimiter: str, masked: list[bool], found: FoundValues
    ) -> None:
        self._delimiter = delimiter
        self._rows = rows[:1]
        for row in rows[1:]:
            # what has no column of its own belongs to nobody knows what
            ends = any(masked) and len(row) > len(masked)
            of_row = [*masked, *[ends] * (len(row) - len(masked))]
            for value, is_masked in zip(row, of_row, strict=False):
                if is_masked:
                    found.add(value)
            cells = zip(row, of_row, strict=False)
            self._rows.append([MASK if is_masked else value for value, is_masked in cells])

    def text(self) -> str:
        """Return the rows."""
        written = io.StringIO()
        csv.writer(written, delimiter=self._delimiter, lineterminator="\n").writerows(self._rows)
        return written.getvalue()

    def sweep(self, sweep: Sweep) -> None:
        """Mask what was found elsewhere, in all cells."""
        self._rows = [[*map(sweep, row)] for row in self._rows]


def read_csv(
    raw: bytes, content_type: str, rules: Rules, found: FoundValues, *, is_cut: bool = False
) -> CsvPayload:
    """Read a message that is CSV by its content type, or by a first row of names one of which is
    masked; raises `Unreadable` for any other. Of one that is cut off, `raw` is the beginning.
    """
    try:
        text = raw.decode("utf-8-sig", errors="ignore" if is_cut else "strict")
    except UnicodeDecodeError:
        raise Unreadable from None
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    rows = _read_rows(text, delimiter)
    if not rows:
        raise Unreadable
    names = rows[0]
    masked = [is_masked_field(rules, name.strip()) for name in names]
    if content_type not in CONTENT_TYPES and not _is_header(names, masked):
        raise Unreadable
    return CsvPayload(rows, delimiter, masked, found)


def _read_rows(text: str, delimiter: str) -> list[list[str]]:
    """Return the rows of a text, with a mask in place of those from one that cannot be read on, such
    as one with a cell of more than 128 KiB.
    """
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        rows.append([MASK])
    return rows


def _is_header(names: list[str], masked: list[bool]) -> bool:
    return len(names) > 1 and any(masked) and all(_is_name(name.strip()) for name in names)
