"""Marks: how far a source was read, kept so that it outlives the process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from hansa import Server

Mark: TypeAlias = Any
"""A value that grows from message to message: a number, a text, bytes, a UUID, or a point in time.

A tuple of them for a mark of several parts, None for none.
"""

_TYPES: dict[str, type] = {
    "int": int,
    "str": str,
    "float": float,
    "bool": bool,
    "bytes": bytes,
    "datetime": datetime,
    "date": date,
    "time": time,
    "timedelta": timedelta,
    "Decimal": Decimal,
    "UUID": UUID,
    "NoneType": type(None),
}


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source was read: `mark` is that of the last message that is settled.

    `next` is the mark of the one after it, `attempts` how often that was tried.
    """

    mark: Mark = None
    next: Mark = None
    attempts: int = 0


class Marks:
    """The position of one channel, in the records of the cluster; `owner` names the channel.

    A write is durable when it returns: a file is synced, and Redis is as durable as it is set up to
    be. Without Redis each server keeps marks of its own, so that a channel which moves to another
    server would begin anew there: several servers need Redis.
    """

    def __init__(self, server: Server, owner: str) -> None:
        self._records = server.records("marks")
        self._owner = owner

    def read(self) -> Position | None:
        """Return the position written last, None if there is none.

        Raises what keeps it from being read.
        """
        raw = self._records.read(self._owner)
        if raw is None:
            return None
        kept = msgspec.json.decode(raw)
        mark, following = (_from_plain(name, value) for name, value in kept["marks"])
        return Position(mark, following, kept["attempts"])

    def write(self, position: Position) -> None:
        """Keep a position.

        Raises TypeError for a mark of another type, and what keeps it from being durable.
        """
        marks = [_to_plain(position.mark), _to_plain(position.next)]
        raw = msgspec.json.encode({"marks": marks, "attempts": position.attempts})
        self._records.write(self._owner, raw)


def _to_plain(mark: Mark) -> tuple[str, Mark]:
    name = type(mark).__name__
    if type(mark) is tuple:
        return name, [_to_plain(part) for part in mark]
    if _TYPES.get(name) is not type(mark):
        raise TypeError(f"a {name} cannot be a mark")
    return name, mark


def _from_plain(name: str, value: Any) -> Mark:
    if name == "tuple":
        return tuple(_from_plain(own, part) for own, part in value)
    return msgspec.convert(value, _TYPES[name])
