"""Names with wildcards, in upper or lower case."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

MOST_KNOWN = 10_000


class Names:
    """Any number of names; `*` in one stands for any characters."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(dict.fromkeys(pattern.strip().lower() for pattern in patterns))
        self._known: dict[str, bool] = {}

    def __contains__(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            lower = name.lower()
            known = any(fnmatch.fnmatchcase(lower, pattern) for pattern in self._patterns)
            if len(self._known) < MOST_KNOWN:
                self._known[name] = known
        return known
