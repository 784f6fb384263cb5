"""Which of the files in a watched folder are to be taken: those that are meant, can be handled, and have stopped changing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

from .claims import fits
from .files import Entry, is_clean


class Arrivals:
    """What the looks at one folder have found; `config` are the settings `Watched`, `warn` is told names that cannot be handled."""

    def __init__(self, config: Any, warn: Callable[..., None]) -> None:
        self.config, self.warn = config, warn
        self._seen: dict[str, tuple[tuple[int, float], float]] = {}
        self._warned: set[str] = set()

    def settled(self, entries: Iterable[Entry], now: float) -> list[Entry]:
        """The files that have kept size and time for long enough, the oldest first; `now` in seconds of a steady clock."""
        before, self._seen = self._seen, {}
        ready = []
        for entry in entries:
            if self._wanted(entry):
                state = (entry.size, entry.modified)
                known, since = before.get(entry.name, (state, now))
                self._seen[entry.name] = state, since if known == state else now
                if now - self._seen[entry.name][1] >= self.config.settle:
                    ready.append(entry)
        return sorted(ready, key=lambda entry: (entry.modified, entry.name))

    def _wanted(self, entry: Entry) -> bool:
        name = entry.name
        if entry.kind != "file" or any(
            fnmatchcase(name, ignored) for ignored in self.config.ignore
        ):
            return False
        if not any(fnmatchcase(name, pattern) for pattern in self.config.pattern):
            return False
        usable = is_clean(name) and "/" not in name and fits(name)
        if not usable and name not in self._warned and len(self._warned) < 1000:
            self._warned.add(name)
            self.warn(
                "left where it is, since its name is too long or has control characters: %a", name
            )
        return usable
