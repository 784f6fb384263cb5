"""Tables as CSV (RFC 4180), for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from .page import Download


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Download:
    """Return a table as a file; texts that a spreadsheet would take for a formula are texts there."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return Download(name, text.getvalue().encode(), "text/csv; charset=utf-8")


def _plain(cell: object) -> object:
    is_formula = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{cell}" if is_formula else cell
