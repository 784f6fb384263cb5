"""Reading CSV (RFC 4180): lines become records, and what does not fit is refused by its line."""

from __future__ import annotations

import csv
import io

from hansa import Invalid

from .settings import CsvSettings
from .shapes import Record

BOM = "\ufeff"
MOST_FAULTS = 20
"""Lines whose faults are told, at most."""


def read_records(raw: bytes, config: CsvSettings) -> list[Record]:
    """Return the records of a message; raises `Invalid` with the line of each fault.

    Empty lines are passed over. With a header, columns that `columns` does not name are, too.
    """
    lines = _lines(_decode(raw, config.encoding), config)
    if not config.header:
        return _records(lines, config.columns)
    if not lines:
        raise Invalid("there is no header")
    _, names = lines[0]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise Invalid(f"the header has a name twice: {', '.join(twice)}")
    missing = [name for name in config.columns if name not in names]
    if missing:
        raise Invalid(f"the header lacks {', '.join(missing)}")
    records = _records(lines[1:], names)
    if not config.columns:
        return records
    return [{name: record[name] for name in config.columns} for record in records]


def _decode(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding).removeprefix(BOM)
    except UnicodeError:
        raise Invalid(f"not valid {encoding}") from None


def _lines(text: str, config: CsvSettings) -> list[tuple[int, list[str]]]:
    """Return the lines that are not empty, each with its number."""
    reader = csv.reader(io.StringIO(text, newline=""), config.dialect())
    found = []
    try:
        for cells in reader:
            if cells:
                found.append((reader.line_num, cells))
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num}: {error}") from None
    return found


def _records(lines: list[tuple[int, list[str]]], names: list[str]) -> list[Record]:
    faults: dict[str, str] = {}
    for number, cells in lines:
        if len(cells) != len(names) and len(faults) < MOST_FAULTS:
            faults[f"line {number}"] = f"has {len(cells)} cells, and not {len(names)}"
    if faults:
        raise Invalid(faults)
    return [dict(zip(names, cells, strict=True)) for _, cells in lines]
