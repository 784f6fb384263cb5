"""References in plain data: values that stand elsewhere, in the environment, a file or a vault."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..foundation.errors import Invalid
from .faults import Faults, path_below

Special = Callable[[str, Any], Any]
"""Resolves a reference that is neither `$env` nor `$file`, by its name with the `$` and its value.
"""


def is_reference(value: object) -> bool:
    """Whether a value stands for another one, such as `{"$env": "X"}` or `{"$encrypted": TOKEN}`."""
    return isinstance(value, dict) and len(value) == 1 and str(next(iter(value))).startswith("$")


def has_reference(value: object) -> bool:
    """Whether a value is a reference, or has one anywhere inside."""
    if isinstance(value, dict):
        return is_reference(value) or any(has_reference(item) for item in value.values())
    return isinstance(value, list) and any(has_reference(item) for item in value)


def resolve(data: Any, special: Special | None = None) -> Any:
    """Replace references anywhere in plain data.

    `{"$env": NAME}` is an environment variable, `{"$file": PATH}` the content of a file without
    its last line end, `{"$other": x}` what `special` makes of it. Raises `Invalid` with all that
    is missing, by path.
    """
    try:
        return _resolve(data, special)
    except RecursionError:
        raise Invalid("nested too deeply") from None


def _resolve(data: Any, special: Special | None) -> Any:
    if isinstance(data, dict) and len(data) == 1:
        key, value = next(iter(data.items()))
        if key in ("$env", "$file"):
            return _read(key, value)
        if isinstance(key, str) and key.startswith("$") and special is not None:
            return special(key, value)
    if isinstance(data, dict):
        resolved = _resolve_each(((key, str(key), item) for key, item in data.items()), special)
        return resolved
    if isinstance(data, list):
        items = ((index, f"[{index}]", item) for index, item in enumerate(data))
        return list(_resolve_each(items, special).values())
    return data


def _resolve_each(
    items: Iterable[tuple[object, str, Any]], special: Special | None
) -> dict[object, Any]:
    """Resolve values, each given with its key and its name in a path; returns them by key."""
    found: dict[object, Any] = {}
    faults: Faults = {}
    for key, name, item in items:
        try:
            found[key] = _resolve(item, special)
        except Invalid as invalid:
            for inner, fault in invalid.errors.items():
                faults[path_below(name, inner).rstrip(".")] = fault
    if faults:
        raise Invalid(faults)
    return found


def _read(key: str, value: object) -> str:
    """Return an environment variable, or the content of a file; raises `Invalid`."""
    if not isinstance(value, str):
        raise Invalid(f"{key} takes a text, not {type(value).__name__}")
    try:
        if key == "$env":
            return os.environ[value]
        return Path(value).read_text().removesuffix("\n")
    except KeyError:
        raise Invalid(f"the environment variable {value} is not set") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise Invalid(f"cannot read {value}: {why}") from None
