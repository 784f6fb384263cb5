"""Read JSON strictly: one object, no key twice, no NaN, no lone surrogate, not nested too deeply."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hansa import Invalid

DEEPEST = 100


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Invalid({key: "the key is given twice"})
        found[key] = value
    return found


def _depth(value: Any, deepest: int) -> None:
    """Refuse a value that nests deeper than `deepest`, without recursion of our own."""
    level: list[Any] = [value]
    for _ in range(deepest):
        level = [
            item
            for inner in level
            for item in (inner.values() if isinstance(inner, dict) else inner)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise Invalid(f"nested more than {deepest} levels deep")


def read_json(raw: bytes) -> Any:
    """The value of a JSON text (RFC 8259) in UTF-8; raises `Invalid` that says what is wrong and where."""
    try:
        msgspec.json.decode(
            raw
        )  # the stricter reader: refuses NaN, wrong UTF-8 and lone surrogates
        value = json.loads(raw, object_pairs_hook=_unique)
    except (msgspec.DecodeError, ValueError) as error:
        raise Invalid(f"not valid JSON: {error}") from None
    except RecursionError:
        raise Invalid(f"nested more than {DEEPEST} levels deep") from None
    if isinstance(value, dict | list):
        _depth(value, DEEPEST)
    return value


def read_object(raw: bytes) -> dict[str, Any]:
    """The one object of a JSON text; nothing at all counts as an empty one. Raises `Invalid`."""
    value = read_json(raw) if raw.strip() else {}
    if not isinstance(value, dict):
        raise Invalid(f"expected one JSON object, got {type(value).__name__}")
    return value
