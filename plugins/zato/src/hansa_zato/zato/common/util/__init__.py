"""Utilities, under the path that they had in 2.0."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from hansa import automatic_name, new_cid

from hansa_zato.sio.values import as_bool as asbool
from hansa_zato.utilities import get_config, hot_deploy, payload_from_request

__all__ = [
    "asbool",
    "get_config",
    "hot_deploy",
    "new_cid",
    "payload_from_request",
    "uncamelify",
    "utcnow",
]


def uncamelify(name: str, separator: str = "-", elem_func: Callable[[str], str] = str.lower) -> str:
    """Return `GetRate` as `get-rate`."""
    words = automatic_name("", name).removeprefix(".")
    return elem_func(words.replace("-", separator))


def utcnow() -> datetime.datetime:
    """Return the present time in UTC, without a time zone."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
