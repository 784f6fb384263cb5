"""Writing CSV (RFC 4180): each record becomes a line, each value the text of a cell."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

from hansa import Invalid, Secret, fields

from .settings import CsvSettings
from .shapes import Hint, row_model

FORMULA = ("=", "+", "-", "@", "\t")
"""How a text begins that spreadsheets run."""


def write_records(value: object, model: Hint, config: CsvSettings) -> bytes:
    """Return the lines of a list of records, or of one; `model` is the declared output, if any.

    A model or a dictionary whose only value is a list stands for that list. Raises `Invalid` for
    what no cell can hold, by record and column.
    """
    records = [_mapping(one, number) for number, one in enumerate(_records(value))]
    names = _columns(records, model, config)
    faults: dict[str, str] = {}
    rows = []
    for number, record in enumerate(records):
        rows.append([_cell(record, name, number, config, faults) for name in names])
        for name in record.keys() - set(names) if not config.columns else ():
            faults[f"[{number}].{name}"] = "there is no such column"
    if faults:
        raise Invalid(faults)
    text = io.StringIO(newline="")
    writer = csv.writer(text, config.dialect())
    if config.header and names:
        writer.writerow(names)
    writer.writerows(rows)
    try:
        return text.getvalue().encode(config.encoding)
    except UnicodeError:
        raise Invalid(f"it has characters that {config.encoding} does not have") from None


def _records(value: object) -> Iterable[object]:
    if value is None:
        return []
    record = _as_record(value)
    if record is not None:
        inner = list(record.values())
        return inner[0] if len(inner) == 1 and isinstance(inner[0], list | tuple) else [record]
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return value
    raise Invalid(f"a list of records is expected, and not {type(value).__name__}")


def _mapping(value: object, number: int) -> Mapping[str, object]:
    record = _as_record(value)
    if record is None:
        raise Invalid({f"[{number}]": f"is not a record but {type(value).__name__}"})
    return record


def _as_record(value: object) -> Mapping[str, object] | None:
    """Return the values of a model, dataclass or dictionary by name; None for what is none of them."""
    if isinstance(value, Mapping):
        return {str(name): cell for name, cell in value.items()}
    if hasattr(value, "model_dump"):  # of pydantic
        dumped: dict[str, object] = value.model_dump()
        return dumped
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def _columns(records: list[Mapping[str, object]], model: Hint, config: CsvSettings) -> list[str]:
    """Return the columns: those of the settings, of the declared output, or of the records."""
    if config.columns:
        return config.columns
    declared = row_model(model)
    if declared is not None:
        return [field.name for field in fields(declared)]
    return list(dict.fromkeys(name for record in records for name in record))


def _cell(
    record: Mapping[str, object],
    name: str,
    number: int,
    config: CsvSettings,
    faults: dict[str, str],
) -> str:
    value = record.get(name)
    if value is None or isinstance(value, Secret):
        return ""
    if isinstance(value, str):
        guarded = config.guard_formulas and value.startswith(FORMULA)
        return f"'{value}" if guarded else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, int | float | Decimal | UUID):
        return str(value)
    faults[f"[{number}].{name}"] = f"no cell can hold a {type(value).__name__}"
    return ""
