"""Selects the files of a watched folder that are wanted, usable, and complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .claims import fits
from .files import Entry, is_file_name
from .watched import WatchSettings

MOST_WARNINGS = 1000
"""Names that are warned of, at most."""


@dataclass(frozen=True, slots=True)
class _Sighting:
    """The state in which a file was seen, and since when (seconds of a steady clock)."""

    size: int
    modified: float
    since: float


class Arrivals:
    """What polls of one folder have found.

    `warn` gets a format and a name that cannot be handled.
    """

    def __init__(self, config: WatchSettings, warn: Callable[[str, str], None]) -> None:
        self._config = config
        self._warn = warn
        self._seen: dict[str, _Sighting] = {}
        self._warned: set[str] = set()

    def settled(self, entries: Iterable[Entry], now: float) -> list[Entry]:
        """Return the files that have kept size and time for long enough, the oldest first.

        `now` is in seconds of a steady clock.
        """
        before = self._seen
        self._seen = {}
        ready: list[Entry] = []
        for entry in entries:
            if not self._is_wanted(entry):
                continue
            seen = _Sighting(entry.size, entry.modified, now)
            earlier = before.get(entry.name)
            if earlier and (earlier.size, earlier.modified) == (entry.size, entry.modified):
                seen = earlier
            self._seen[entry.name] = seen
            if now - seen.since >= self._config.settle:
                ready.append(entry)
        return sorted(ready, key=lambda entry: (entry.modified, entry.name))

    def _is_wanted(self, entry: Entry) -> bool:
        if entry.kind != "file" or _matches(entry.name, self._config.ignore):
            return False
        if not _matches(entry.name, self._config.pattern):
            return False
        if is_file_name(entry.name) and fits(entry.name):
            return True
        self._warn_once(entry.name)
        return False

    def _warn_once(self, name: str) -> None:
        if name in self._warned or len(self._warned) >= MOST_WARNINGS:
            return
        self._warned.add(name)
        self._warn(
            "left where it is, since its name is too long, leads elsewhere or has control characters: %a",
            name,
        )


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
