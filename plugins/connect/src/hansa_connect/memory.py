"""Which files of a folder were taken, for sources that may only be read."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from dataclasses import dataclass

import msgspec
from hansa import Server

SHARDS = 64
"""Records among which the files of a channel are spread, so that a write is small."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What is remembered of a file: how it is listed, what it is, and what became of it.

    Sizes are in bytes, times in seconds of the Unix epoch. `attempts` counts the deliveries that
    were begun; `settled` says that none is to follow.
    """

    listed_size: int
    listed_modified: float
    size: int
    modified: float
    attempts: int = 0
    settled: bool = False


class Memory:
    """What one channel has taken, at most `limit` files, in the records of the cluster.

    A write is as durable as these are when it returns.
    """

    def __init__(self, server: Server, owner: str, limit: int) -> None:
        self._records = server.records("taken")
        self._owner = owner
        self._limit = limit
        self._shards: list[dict[str, Taken]] = [self._read(number) for number in range(SHARDS)]

    def get(self, name: str) -> Taken | None:
        """Return what is remembered of a file."""
        return self._shards[_shard_of(name)].get(name)

    def has_room(self, name: str, listed: Container[str]) -> bool:
        """Return whether a file can be remembered.

        Where the limit is reached, a file that is not listed any more is forgotten for it.
        """
        if self.get(name) is not None or sum(map(len, self._shards)) < self._limit:
            return True
        for number, shard in enumerate(self._shards):
            for other in shard:
                if other not in listed:
                    del shard[other]
                    self._write(number)
                    return True
        return False

    def put(self, name: str, taken: Taken) -> None:
        """Remember a file."""
        number = _shard_of(name)
        self._shards[number][name] = taken
        self._write(number)

    def _read(self, number: int) -> dict[str, Taken]:
        raw = self._records.read(self._name(number))
        return {} if raw is None else msgspec.json.decode(raw, type=dict[str, Taken])

    def _write(self, number: int) -> None:
        self._records.write(self._name(number), msgspec.json.encode(self._shards[number]))

    def _name(self, number: int) -> str:
        return f"{self._owner} {number}"


def _shard_of(name: str) -> int:
    return hashlib.sha256(name.encode()).digest()[0] % SHARDS
