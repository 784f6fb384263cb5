"""How values and keys of a cache are stored, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec
from hansa import Invalid, TooLarge
from hansa_json.writing import write_with_secrets

from .settings import LONGEST_EXPIRY, LONGEST_KEY
from .store import Stored

Value: TypeAlias = object
"""What JSON holds, or bytes."""
_JSON = b"j"
_BYTES = b"b"


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """An entry: its key, its value, and the time at which it expires, in seconds since the epoch;
    None: it does not.
    """

    key: str
    value: Value
    expires: float | None


def encoded(value: Value, most: int) -> bytes:
    """Return a value as it is stored; raises `Invalid` for what JSON cannot hold, `TooLarge`."""
    if value is None:
        raise Invalid({"value": "None is what a cache answers where it has no value"})
    if isinstance(value, bytes | bytearray | memoryview):
        mark, raw = _BYTES, bytes(value)
    else:
        mark = _JSON
        try:
            raw = write_with_secrets(value)
        except Invalid as invalid:
            raise Invalid({"value": f"cannot be kept as JSON: {invalid.detail}"}) from None
    if len(raw) > most:
        raise TooLarge(f"the value has {len(raw):,} bytes, more than max_value, which is {most:,}")
    return mark + raw


def decoded(stored: Stored) -> Value:
    """Return a value as services see it."""
    mark, raw = stored.value[:1], stored.value[1:]
    return raw if mark == _BYTES else msgspec.json.decode(raw)


def checked_key(key: str) -> str:
    """Return a key; raises `Invalid` for one that no entry can have."""
    if not isinstance(key, str) or not key:
        raise Invalid({"key": "is a text that is not empty"})
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise Invalid({"key": "has a lone surrogate in it, which is no character"}) from None
    if length > LONGEST_KEY:
        raise Invalid({"key": f"has {length:,} bytes, more than {LONGEST_KEY:,}"})
    return key


def checked_expiry(seconds: float) -> float:
    """Return an expiry in seconds, 0 for none; raises `Invalid`."""
    # NaN is not between anything
    if not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_EXPIRY:
        raise Invalid({"expiry": f"is not between 0 and {LONGEST_EXPIRY:,.0f} seconds"})
    return float(seconds)
