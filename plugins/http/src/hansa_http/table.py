"""The table of channels by path and by what else distinguishes them: read by every request without
a lock.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar
from wsgiref.types import WSGIEnvironment

from .own_paths import OWN, OWN_PREFIX
from .path import path_of
from .pattern import Pattern

if TYPE_CHECKING:
    from .channel import AnyHttpChannel

K = TypeVar("K")
T = TypeVar("T")

_NO_VARIABLES: Mapping[str, str] = {}
_Channels = tuple["AnyHttpChannel", ...]
_Entry = tuple[Pattern, _Channels]
_Match = tuple[Mapping[str, str], _Channels]
Found = tuple["AnyHttpChannel | None", Mapping[str, str], list["AnyHttpChannel"]]
"""The channel for a request, the variables in its path, and, if there is no channel, those that
have the path and refused.
"""


class _Paths:
    """Channels by path; requests read it without a lock, since each entry is swapped as a whole."""

    def __init__(self) -> None:
        self.channels: dict[Pattern, _Channels] = {}
        self.literal: dict[str, _Channels] = {}
        self._templates: dict[int, dict[str, tuple[_Entry, ...]]] = {}
        self._depth = 0

    def put(self, pattern: Pattern, channels: _Channels) -> None:
        """Have these channels, and no others, at a path; none at all empties it."""
        _set(self.channels, pattern, channels)
        if pattern.literal:
            _set(self.literal, pattern.text, channels)
        else:
            self._put_template(pattern, channels)

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

    def matching(self, path: str) -> Iterator[_Match]:
        """Yield the channels on paths that match, most specific path first; those that match across
        slashes come last.
        """
        literal = self.literal.get(path)
        if literal is not None:
            yield _NO_VARIABLES, literal
        for slashes in (path.count("/"), -1):
            prefixes = self._templates.get(slashes)
            if not prefixes:
                continue
            for prefix in _prefixes(path, self._depth):
                for pattern, channels in prefixes.get(prefix, ()):
                    variables = pattern.match(path)
                    if variables is not None:
                        yield variables, channels


class Table:
    """Running channels, most specific path first; on one path the first whose `accepts` says yes
    takes the request.

    On one path, channels of a higher `rank` are asked first, and among equals the one added last:
    an edited channel starts before its former self stops, and takes over at once. Adding or
    removing one costs the same however many there are.

    What belongs to Hansa (`/hansa/...`) or is the path of a plugin's own channel reaches no other
    channel, whatever its pattern and the method.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own = _Paths()
        self._others = _Paths()
        self._own_roots = frozenset((OWN,))
        self._changes = 0

    def add(self, channel: AnyHttpChannel) -> None:
        """Begin to give requests to a channel."""
        paths = self._paths_of(channel)
        with self._lock:
            if channel.builtin:
                self._own_roots |= {pattern.root for pattern in channel.patterns}
            for pattern in channel.patterns:
                ranked = [channel, *_without(paths, pattern, channel)]
                ranked.sort(key=lambda one: -one.rank)
                paths.put(pattern, tuple(ranked))
            self._changes += 1

    def remove(self, channel: AnyHttpChannel) -> None:
        """Give no further requests to a channel; nothing happens if it is not there."""
        paths = self._paths_of(channel)
        with self._lock:
            for pattern in channel.patterns:
                paths.put(pattern, _without(paths, pattern, channel))
            self._changes += 1

    def _paths_of(self, channel: AnyHttpChannel) -> _Paths:
        return self._own if channel.builtin else self._others

    def find(self, path: str, environ: WSGIEnvironment) -> Found:
        """Return the channel for a request, the variables in its path, and who refused it."""
        # PERF: nearly every path is literal and has one channel.
        here = self._others.literal.get(path)
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

    def _matching(self, path: str) -> Iterable[_Match]:
        """Return the channels on paths that match: a plugin's alone, where it has one."""
        root = path[1:].partition("/")[0]
        if root not in self._own_roots and "" not in self._own_roots:
            return self._others.matching(path)
        own = list(self._own.matching(path))
        return own if own or root == OWN else self._others.matching(path)

    def awaits(self, target: str, environ: Callable[[], WSGIEnvironment]) -> bool:
        """Whether what answers a request runs on the event loop, where it keeps no thread while it
        waits; `environ` is called where the target alone does not tell.

        PERF: nearly every path is literal and has one channel; to build the rest costs 10 us.
        """
        if target.startswith(OWN_PREFIX):
            return False
        here = self._others.literal.get(target.partition("?")[0], ())
        if len(here) == 1:
            return here[0].is_awaited
        try:
            given = environ()
            channel, _, _ = self.find(path_of(given), given)
        except Exception:
            return False  # it is raised again, and answered, in a thread
        return channel is not None and channel.is_awaited

    def channels(self) -> list[AnyHttpChannel]:
        """Return all channels, each once, most specific path first."""
        table = [*self._own.channels.items(), *self._others.channels.items()]
        table.sort(key=lambda entry: entry[0])
        found = (channel for _, channels in table for channel in channels)
        return list(dict.fromkeys(found))


def _without(paths: _Paths, pattern: Pattern, channel: AnyHttpChannel) -> _Channels:
    """Return the channels at a path but for this one."""
    here = paths.channels.get(pattern, ())
    return tuple(one for one in here if one is not channel)


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
