"""Read JSON strictly: one object, no key twice, no NaN, no lone surrogate, not nested too deeply."""

from __future__ import annotations

from typing import Any

from hansa import Invalid
from hansa_json.depth import DEPTH
from hansa_json.reading import decode_strict

DEEPEST = DEPTH
"""Maximum levels of nesting."""


def read_json(raw: bytes) -> Any:
    """Return the value of a JSON text (RFC 8259) in UTF-8; raises `Invalid`, with the place."""
    try:
        return decode_strict(raw)
    except Invalid as invalid:
        if "" in invalid.errors:
            raise Invalid(f"not valid JSON: {invalid.detail}") from None
        raise


def read_object(raw: bytes) -> dict[str, Any]:
    """Return the one object of a JSON text, empty for no text at all; raises `Invalid`."""
    value = read_json(raw) if raw.strip() else {}
    if not isinstance(value, dict):
        raise Invalid(f"expected one JSON object, got {type(value).__name__}")
    return value
