"""JSON, under the path that it has in 3.x."""

from __future__ import annotations

import json

from hansa_zato.payloads import Value
from hansa_zato.sio.models import plain

JSONDecodeError = json.JSONDecodeError
__all__ = ["JSONDecodeError", "dumps", "loads"]


def loads(text: str | bytes, **options: Value) -> Value:
    """Return the value of JSON text or bytes."""
    return json.loads(text, **options)


def dumps(value: object, **options: Value) -> str:
    """Return a value as JSON text, also models, dates and decimals."""
    return json.dumps(plain(value), **options)
