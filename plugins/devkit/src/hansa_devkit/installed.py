"""Which plugins are installed, read once in a process."""

from __future__ import annotations

import functools
import sys
from importlib.metadata import EntryPoint, entry_points


def installed(group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group, such as `hansa`; they are read again when `sys.path` has
    changed.
    """
    return _read(group, tuple(sys.path))


@functools.lru_cache(maxsize=8)
def _read(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    # PERF: the metadata of all distributions is read, which takes 30 ms
    return tuple(entry_points(group=group))
