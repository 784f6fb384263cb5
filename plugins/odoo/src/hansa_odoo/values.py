"""What services give, as values that Odoo reads over both protocols."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeAlias

from hansa import Invalid

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""What Odoo reads and answers."""
Record: TypeAlias = dict[str, Value]
"""The fields of a record by name; a field without a value is False, as Odoo has it."""

MOST_DEPTH = 50


def plain(given: object, depth: int = 0) -> Value:
    """Return a value for Odoo: dates as its texts (in UTC), bytes as base64, decimals as numbers.

    Raises `Invalid` for what it has no form for.
    """
    if isinstance(given, float | Decimal):
        if not math.isfinite(given):
            raise Invalid(f"{given} is not a finite number, which Odoo does not have")
        return float(given)
    if given is None or isinstance(given, bool | int | str):
        return given
    if depth > MOST_DEPTH:
        raise Invalid(f"values are nested more than {MOST_DEPTH} deep")
    if isinstance(given, Mapping):
        return {str(name): plain(value, depth + 1) for name, value in given.items()}
    for kind, written in _WRITERS:
        if isinstance(given, kind):
            return written(given)
    if isinstance(given, Iterable):
        return [plain(value, depth + 1) for value in given]
    raise Invalid(f"a value of the type {type(given).__name__} cannot be sent to Odoo")


def _moment(given: datetime) -> str:
    """Return a moment as Odoo writes it: in UTC, without a zone, in whole seconds."""
    if given.tzinfo is not None:
        given = given.astimezone(UTC)
    return given.strftime("%Y-%m-%d %H:%M:%S")


_WRITERS: list[tuple[type, Callable[..., Value]]] = [
    (datetime, _moment),
    (date, date.isoformat),
    (bytes, lambda given: base64.b64encode(given).decode("ascii")),
]
