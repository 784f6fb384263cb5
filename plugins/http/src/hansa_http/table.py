"""The table of channels by path and what else tells them apart: read by every request without a lock, swapped as a whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .pattern import Pattern

if TYPE_CHECKING:
    from .channel import HttpChannel

_NO_VARIABLES: Mapping[str, str] = {}
_View = tuple[
    dict[str, tuple["HttpChannel", ...]], dict[tuple[int, str], tuple[tuple[Pattern, tuple["HttpChannel", ...]], ...]]
]


class Table:
    """Running channels, most specific path first; on one path the first whose `accepts` says yes takes the request.

    On one path, channels of a higher `rank` are asked first, and among equals the one added last: an edited channel starts
    before its former self stops, and takes over at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channels: dict[Pattern, tuple[HttpChannel, ...]] = {}
        self._view: _View = ({}, {})

    def add(self, channel: HttpChannel) -> None:
        """Begin to give requests to a channel."""
        with self._lock:
            others = tuple(c for c in self._channels.get(channel.pattern, ()) if c is not channel)
            self._channels[channel.pattern] = tuple(sorted((channel, *others), key=lambda c: -c.rank))
            self._publish(channel.pattern)

    def remove(self, channel: HttpChannel) -> None:
        """Give no further requests to a channel; nothing happens if it is not there."""
        with self._lock:
            left = tuple(c for c in self._channels.get(channel.pattern, ()) if c is not channel)
            if left:
                self._channels[channel.pattern] = left
            else:
                self._channels.pop(channel.pattern, None)
            self._publish(channel.pattern)

    def _publish(self, changed: Pattern) -> None:
        literal, index = self._view
        channels = self._channels.get(changed, ())
        if changed.literal:
            literal = {path: found for path, found in literal.items() if path != changed.text}
            if channels:
                literal[changed.text] = channels
        else:
            entries = [entry for entry in index.get(changed.key, ()) if entry[0] != changed]
            if channels:
                entries.append((changed, channels))
            index = {**index, changed.key: tuple(sorted(entries, key=lambda entry: entry[0]))}
        self._view = (literal, index)

    def find(
        self, path: str, environ: dict[str, Any]
    ) -> tuple[HttpChannel | None, Mapping[str, str], list[HttpChannel]]:
        """The channel for a request, the variables in its path, and the channels on that path that did not accept it.

        The last are told only if none did.
        """
        # PERF: nearly every path is literal and has one channel.
        here = self._view[0].get(path)
        if here is not None:
            for channel in here:
                if channel.accepts(environ):
                    return channel, _NO_VARIABLES, []
        refused: list[HttpChannel] = [*here] if here else []
        for pattern, channels in self._templates(path):
            variables = pattern.match(path)
            if variables is not None:
                for channel in channels:
                    if channel.accepts(environ):
                        return channel, variables, []
                refused += channels
        return None, _NO_VARIABLES, refused

    def _templates(self, path: str) -> Iterator[tuple[Pattern, tuple[HttpChannel, ...]]]:
        """The templates that may match, most specific first; those that match slashes come last."""
        index = self._view[1]
        if not index:
            return
        slashes = path.count("/")
        first = path.split("/", 2)[1] if slashes else ""
        for key in ((slashes, first), (slashes, ""), (-1, first), (-1, "")) if first else ((slashes, ""), (-1, "")):
            yield from index.get(key, ())

    def channels(self) -> list[HttpChannel]:
        """All channels, most specific path first."""
        return [channel for pattern in sorted(dict(self._channels)) for channel in self._channels.get(pattern, ())]


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
