"""The change log of a local server, which has none: lines that a test puts into it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from hansa import ChangeFilter, Key, LoggedChange


class LocalChangeLog:
    """A change log in memory: `logged` holds the lines that a test puts there, in order; nothing
    else does.
    """

    def __init__(self) -> None:
        self.logged: list[LoggedChange] = []

    def first(self) -> int:
        """Return 0: nothing was removed."""
        return 0

    def count(self, asked: ChangeFilter) -> int:
        """Return the number of revisions, whatever is asked for."""
        return len(self._revisions())

    def revisions(self, asked: ChangeFilter, *, offset: int = 0, limit: int = 100) -> list[int]:
        """Return the revisions, the newest first, whatever is asked for."""
        return self._revisions()[offset : offset + limit]

    def _revisions(self) -> list[int]:
        return sorted({line.revision for line in self.logged}, reverse=True)

    def lines(self, revisions: Iterable[int]) -> list[LoggedChange]:
        """Return the lines of some revisions."""
        wanted = set(revisions)
        return [line for line in self.logged if line.revision in wanted]

    def after(self, revision: int, keys: Collection[Key]) -> list[LoggedChange]:
        """Return the lines about some definitions and packages after a revision."""
        return [line for line in self.logged if line.revision > revision and line.key in keys]

    def state_at(
        self, revision: int, keys: Collection[Key] | None = None
    ) -> dict[Key, LoggedChange]:
        """Return the newest line of each definition and package up to a revision."""
        return {
            line.key: line
            for line in self.logged
            if line.revision <= revision and (keys is None or line.key in keys)
        }

    def prune(self, before: float, *, portion: int = 500) -> Iterator[int]:
        """Remove nothing."""
        return iter(())
