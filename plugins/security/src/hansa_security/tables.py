"""Tables of bounded size: dicts in which new entries take the place of those that are over, or of
the oldest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


def drop_oldest(table: dict[KeyT, ValueT], size: int) -> None:
    """Make room for one more entry in a table of at most `size`; several threads may do so at
    once.
    """
    while len(table) >= size:
        try:
            del table[next(iter(table))]
        except (KeyError, RuntimeError, StopIteration):
            continue  # another thread makes room at this moment


def drop_expired(
    table: dict[KeyT, ValueT], size: int, now: float, until: Callable[[ValueT], float]
) -> None:
    """Do the same with a table of entries that are over at the time which `until` says: those that
    are go first. One thread at a time.
    """
    if len(table) < size:
        return
    for key in [key for key, entry in table.items() if until(entry) <= now]:
        del table[key]
    drop_oldest(table, size)
