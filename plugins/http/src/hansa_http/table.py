"""The table of channels by path and what else tells them apart: read by every request without a lock."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .pattern import Pattern

if TYPE_CHECKING:
    from .channel import HttpChannel

_NO_VARIABLES: Mapping[str, str] = {}
_Channels = tuple["HttpChannel", ...]


class Table:
    """Running channels, most specific path first; on one path the first whose `accepts` says yes takes the request.

    On one path, channels of a higher `rank` are asked first, and among equals the one added last: an edited channel starts
    before its former self stops, and takes over at once. To add or remove one costs the same however many there are.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channels: dict[Pattern, _Channels] = {}
        # what requests read; each entry is swapped as a whole
        self._literal: dict[str, _Channels] = {}
        self._templates: dict[int, dict[str, tuple[tuple[Pattern, _Channels], ...]]] = {}
        self._depth = 0
        self._changes = 0

    def add(self, channel: HttpChannel) -> None:
        """Begin to give requests to a channel."""
        with self._lock:
            others = tuple(c for c in self._channels.get(channel.pattern, ()) if c is not channel)
            self._put(channel.pattern, tuple(sorted((channel, *others), key=lambda c: -c.rank)))

    def remove(self, channel: HttpChannel) -> None:
        """Give no further requests to a channel; nothing happens if it is not there."""
        with self._lock:
            left = tuple(c for c in self._channels.get(channel.pattern, ()) if c is not channel)
            self._put(channel.pattern, left)

    def _put(self, pattern: Pattern, channels: _Channels) -> None:
        _set(self._channels, pattern, channels)
        if pattern.literal:
            _set(self._literal, pattern.text, channels)
        else:
            slashes, prefix = pattern.key
            self._depth = max(self._depth, prefix.count("/"))
            prefixes = self._templates.setdefault(slashes, {})
            entries = list(prefixes.get(prefix, ()))
            place = bisect.bisect_left(entries, pattern, key=lambda entry: entry[0])
            there = place < len(entries) and entries[place][0] == pattern
            entries[place : place + there] = [(pattern, channels)] if channels else []
            _set(prefixes, prefix, tuple(entries))
        self._changes += 1

    def find(
        self, path: str, environ: dict[str, Any]
    ) -> tuple[HttpChannel | None, Mapping[str, str], list[HttpChannel]]:
        """The channel for a request, the variables in its path, and the channels on that path that did not accept it.

        The last are told only if none did.
        """
        # PERF: nearly every path is literal and has one channel.
        here = self._literal.get(path)
        if here is not None:
            for channel in here:
                if channel.accepts(environ):
                    return channel, _NO_VARIABLES, []
        return self._find(path, environ)

    def _find(
        self, path: str, environ: dict[str, Any]
    ) -> tuple[HttpChannel | None, Mapping[str, str], list[HttpChannel]]:
        while True:
            changes = self._changes
            refused: list[HttpChannel] = []
            for variables, channels in self._matching(path):
                for channel in channels:
                    if channel.accepts(environ):
                        return channel, variables, []
                refused += channels
            # while this looked, a channel may have moved from a path not looked at yet to one that was
            if changes == self._changes:
                return None, _NO_VARIABLES, refused

    def _matching(self, path: str) -> Iterator[tuple[Mapping[str, str], _Channels]]:
        """The channels on paths that match, most specific path first; those whose variables match slashes come last."""
        yield _NO_VARIABLES, self._literal.get(path, ())
        for slashes in (path.count("/"), -1):
            prefixes = self._templates.get(slashes, {})
            for prefix in _prefixes(path, self._depth) if prefixes else ():
                for pattern, channels in prefixes.get(prefix, ()):
                    variables = pattern.match(path)
                    if variables is not None:
                        yield variables, channels

    def channels(self) -> list[HttpChannel]:
        """All channels, most specific path first."""
        return [
            channel
            for pattern in sorted(dict(self._channels))
            for channel in self._channels.get(pattern, ())
        ]


def _set(table: dict[Any, Any], key: Any, value: tuple[Any, ...]) -> None:
    """Set an entry, or delete it if nothing is left."""
    if value:
        table[key] = value
    else:
        table.pop(key, None)


def _prefixes(path: str, depth: int) -> list[str]:
    """The whole segments that a path begins with, the longest first, at most so many; the last is empty."""
    found, end = [""], 0
    while len(found) <= depth and (end := path.find("/", end + 1)) > 0:
        found.append(path[:end])
    return found[::-1]


_tables: dict[int, tuple[Any, Table]] = {}
_tables_lock = threading.Lock()


def table_of(server: Any) -> Table:
    """The table of a worker, made when first asked for."""
    with _tables_lock:
        found = _tables.get(id(server))
        if found is None or found[0] is not server:
            found = _tables[id(server)] = (server, Table())
        return found[1]


def forget_table(server: Any) -> None:
    """Drop the table of a worker that ends."""
    with _tables_lock:
        _tables.pop(id(server), None)
