"""Odds and ends, under the path that they had in 2.0."""

from __future__ import annotations

import datetime
from typing import Any

from hansa import automatic_name, new_cid

from hansa_zato.sio.values import as_bool as asbool

__all__ = ["asbool", "new_cid", "uncamelify", "utcnow"]


def uncamelify(name: str, separator: str = "-", elem_func: Any = str.lower) -> str:
    """`GetRate` -> `get-rate`."""
    return str(elem_func(automatic_name("", name).removeprefix(".").replace("-", separator)))


def utcnow() -> datetime.datetime:
    """The present time in UTC, without a time zone."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
