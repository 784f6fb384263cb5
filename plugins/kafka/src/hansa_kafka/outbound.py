"""A message on its way to a topic, and where it was stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

HeaderList: TypeAlias = list[tuple[str, str | bytes | None]]


class Position(NamedTuple):
    """Where a message was stored."""

    topic: str
    partition: int
    offset: int


@dataclass(slots=True)
class Outgoing:
    """A message on its way: bytes, and to which topic and partition (-1: as the key says)."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: HeaderList = field(default_factory=list)
    partition: int = -1
    timestamp: int = 0
