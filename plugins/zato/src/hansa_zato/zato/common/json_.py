"""JSON, under the path that it has in 3.x."""

from __future__ import annotations

import json
from typing import Any

from hansa_zato.sio.models import plain

JSONDecodeError = json.JSONDecodeError
__all__ = ["JSONDecodeError", "dumps", "loads"]


def loads(text: str | bytes, **options: Any) -> Any:
    """The value that JSON stands for."""
    return json.loads(text, **options)


def dumps(value: Any, **options: Any) -> str:
    """JSON text, also of models, dates and decimals."""
    return json.dumps(plain(value), **options)
