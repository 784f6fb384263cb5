"""Numbers of fields whose messages are derived from a declaration: the same for the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from msgspec import Meta

LARGEST_GIVEN = 2047
"""The largest number that a declaration gives; larger ones belong to names."""
FIRST = 20_000
"""The smallest number that a name gets: those below are given, or reserved by protobuf."""
COUNT = (1 << 18) - FIRST
"""How many numbers there are for names: the tags of all take three bytes."""
_KEY = "grpc_number"


def number(given: int) -> Meta:
    """Return the mark that gives a member its number in messages: `Annotated[str, number(1)]`.

    It is between 1 and 2047, which takes one or two bytes in a message in place of three. Raises
    ValueError.
    """
    if not 1 <= given <= LARGEST_GIVEN:
        raise ValueError(f"the number of a field is between 1 and {LARGEST_GIVEN}, not {given}")
    return Meta(extra={_KEY: given})


def number_of(name: str, marks: Mapping[str, Any]) -> int:
    """Return the number of a member: the given one, or else that of its name.

    The number of a name is 20,000 and its CRC-32 (of UTF-8) modulo 242,144: what else is declared,
    and in which order, does not change it.
    """
    given = marks.get(_KEY)
    if isinstance(given, int):
        return given
    return FIRST + crc32(name.encode()) % COUNT
