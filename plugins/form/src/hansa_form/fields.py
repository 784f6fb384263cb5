"""The fields of a value that is written as a form: names with texts and files, in their order."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import TypeAlias
from uuid import UUID

from hansa import Invalid, Secret
from hansa_http import UploadedFile

Field: TypeAlias = tuple[str, str | UploadedFile]
_WRITTEN = (str, UploadedFile)
_PLAIN = (int, UUID)


def fields_of(value: object) -> list[Field]:
    """Return the fields of a model, dataclass or dictionary; a list repeats its name, and None and
    secrets are left out.

    Raises `Invalid` with all values that no form can hold, by their names.
    """
    faults: dict[str, str] = {}
    found: list[Field] = []
    for name, given in _members_of(value):
        if "\0" in name:
            faults[name.replace("\0", "\\0")] = "has a NUL character in its name"
        for one in given if isinstance(given, list | tuple) else (given,):
            if one is None or isinstance(one, Secret):
                continue
            written = _written(one)
            if written is None:
                faults[name] = f"no form can hold {_called(one)}"
            else:
                found.append((name, written))
    if faults:
        raise Invalid(faults)
    return found


def _members_of(value: object) -> Iterable[tuple[str, object]]:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return [(str(name), one) for name, one in value.items()]
    of_pydantic = getattr(type(value), "model_fields", None)
    if of_pydantic is not None:
        return [(name, getattr(value, name)) for name in of_pydantic]
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    raise Invalid(f"the fields of a form are expected, and not {_called(value)}")


def _written(value: object) -> str | UploadedFile | None:
    """Return what stands in a form for a value; None for what cannot stand there."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, _WRITTEN):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float):
        return str(value) if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else None
    return _digits(value) if isinstance(value, _PLAIN) else None


def _digits(value: int | UUID) -> str | None:
    """Return a value as Python writes it; None for a number of thousands of digits, which it does not."""
    try:
        return str(value)
    except ValueError:
        return None


def _called(value: object) -> str:
    """Return what errors call a value."""
    if isinstance(value, float | Decimal):
        return f"the number {value}"
    if isinstance(value, bytes):
        return "bytes: a file is a FormFile"
    return f"a {type(value).__name__}"
