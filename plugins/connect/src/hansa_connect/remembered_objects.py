"""Which objects of a store were handled, for those that stay where they are."""

from __future__ import annotations

import threading

from hansa import Server

from .memory import Memory, Taken
from .objects import StoredObject


class _Everything:
    """A container that has whatever it is asked for."""

    def __contains__(self, item: object) -> bool:
        return True


class RememberedObjects:
    """What a channel need not take again; safe in many threads.

    `begin_pass`, `seen` for each object and `end_pass` tell what a store lists, so that objects that
    are gone can be forgotten for others once there are `limit`.
    """

    def __init__(self, server: Server, owner: str, limit: int) -> None:
        self._memory = Memory(server, owner, limit)
        self._limit = limit
        self._guard = threading.Lock()
        self._listed: set[str] | _Everything = _Everything()
        self._listing: set[str] = set()

    def begin_pass(self) -> None:
        """Note that the store is listed from the beginning."""
        self._listing = set()

    def seen(self, found: StoredObject) -> None:
        """Note that an object is listed; of more than can be remembered, the first ones do."""
        if len(self._listing) <= self._limit:
            self._listing.add(found.identity)

    def end_pass(self) -> None:
        """Note that all of it was listed."""
        whole = len(self._listing) <= self._limit
        self._listed = self._listing if whole else _Everything()

    def has(self, found: StoredObject) -> bool:
        """Return whether an object was handled, or given up."""
        with self._guard:
            return self._memory.get(found.identity) is not None

    def has_room(self, found: StoredObject) -> bool:
        """Return whether an object can be remembered."""
        with self._guard:
            return self._memory.has_room(found.identity, self._listed)

    def put(self, found: StoredObject) -> None:
        """Remember an object."""
        size, modified = found.size, found.modified
        with self._guard:
            self._memory.put(
                found.identity, Taken(size, modified, size, modified, attempts=1, settled=True)
            )
