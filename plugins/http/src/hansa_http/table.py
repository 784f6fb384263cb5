"""The table of channels by path and by what else distinguishes them: read by every request without
a lock.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar
from wsgiref.types import WSGIEnvironment

from .pattern import Pattern

if TYPE_CHECKING:
    from .channel import AnyHttpChannel

K = TypeVar("K")
T = TypeVar("T")

_NO_VARIABLES: Mapping[str, str] = {}
_Channels = tuple["AnyHttpChannel", ...]
_Entry = tuple[Pattern, _Channels]
Found = tuple["AnyHttpChannel | None", Mapping[str, str], list["AnyHttpChannel"]]
"""The channel for a request, the variables in its path, and, if there is no channel, those that
have the path and refused.
"""


class Table:
    """Running channels, most specific path first; on one path the first whose `accepts` says yes
    takes the request.

    On one path, channels of a higher `rank` are asked first, and among equals the one added last:
    an edited channel starts before its former self stops, and takes over at once. Adding or
    removing one costs the same however many there are.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channels: dict[Pattern, _Channels] = {}
        # what requests read; each entry is swapped as a whole
        self._literal: dict[str, _Channels] = {}
        self._templates: dict[int, dict[str, tuple[_Entry, ...]]] = {}
        self._depth = 0
        self._changes = 0

    def add(self, channel: AnyHttpChannel) -> None:
        """Begin to give requests to a channel."""
        with self._lock:
            for pattern in channel.patterns:
                others = self._others(pattern, channel)
                ranked = sorted((channel, *others), key=lambda one: -one.rank)
                self._put(pattern, tuple(ranked))

    def remove(self, channel: AnyHttpChannel) -> None:
        """Give no further requests to a channel; nothing happens if it is not there."""
        with self._lock:
            for pattern in channel.patterns:
                self._put(pattern, self._others(pattern, channel))

    def _others(self, pattern: Pattern, channel: AnyHttpChannel) -> _Channels:
        here = self._channels.get(pattern, ())
        return tuple(one for one in here if one is not channel)

    def _put(self, pattern: Pattern, channels: _Channels) -> None:
        _set(self._channels, pattern, channels)
        if pattern.literal:
            _set(self._literal, pattern.text, channels)
        else:
            self._put_template(pattern, channels)
        self._changes += 1

    def _put_template(self, pattern: Pattern, channels: _Channels) -> None:
        slashes, prefix = pattern.key
        self._depth = max(self._depth, prefix.count("/"))
        prefixes = self._templates.setdefault(slashes, {})
        entries = list(prefixes.get(prefix, ()))
        place = bisect.bisect_left(entries, pattern, key=lambda entry: entry[0])
        if place < len(entries) and entries[place][0] == pattern:
            del entries[place]
        if channels:
            entries.insert(place, (pattern, channels))
        _set(prefixes, prefix, tuple(entries))

    def find(self, path: str, environ: WSGIEnvironment) -> Found:
        """Return the channel for a request, the variables in its path, and who refused it."""
        # PERF: nearly every path is literal and has one channel.
        here = self._literal.get(path)
        if here is not None:
            for channel in here:
                if channel.accepts(environ):
                    return channel, _NO_VARIABLES, []
        return self._search(path, environ)

    def _search(self, path: str, environ: WSGIEnvironment) -> Found:
        while True:
            changes = self._changes
            refused: list[AnyHttpChannel] = []
            for variables, channels in self._matching(path):
                for channel in channels:
                    if channel.accepts(environ):
                        return channel, variables, []
                refused += channels
            # while this looked, a channel may have moved from a path not looked at yet to one that
            # was
            if changes == self._changes:
                return None, _NO_VARIABLES, refused

    def _matching(self, path: str) -> Iterator[tuple[Mapping[str, str], _Channels]]:
        """Yield the channels on paths that match, most specific path first; those that match across
        slashes come last.
        """
        yield _NO_VARIABLES, self._literal.get(path, ())
        for slashes in (path.count("/"), -1):
            prefixes = self._templates.get(slashes)
            if not prefixes:
                continue
            for prefix in _prefixes(path, self._depth):
                for pattern, channels in prefixes.get(prefix, ()):
                    variables = pattern.match(path)
                    if variables is not None:
                        yield variables, channels

    def channels(self) -> list[AnyHttpChannel]:
        """Return all channels, each once, most specific path first."""
        table = dict(self._channels)
        found = (channel for pattern in sorted(table) for channel in table[pattern])
        return list(dict.fromkeys(found))


def _set(table: dict[K, tuple[T, ...]], key: K, value: tuple[T, ...]) -> None:
    """Set an entry, or delete it if nothing is left."""
    if value:
        table[key] = value
    else:
        table.pop(key, None)


def _prefixes(path: str, depth: int) -> list[str]:
    """Return the whole segments that a path begins with, at most `depth` of them, the longest
    first; the last is empty.
    """
    found = [""]
    end = path.find("/", 1)
    while len(found) <= depth and end > 0:
        found.append(path[:end])
        end = path.find("/", end + 1)
    return found[::-1]
