"""The change log of the cluster: what was changed, by whom, by which service, and when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from .records import Key, PlainSettings

DEFINE = "define"
DELETE = "delete"
DEPLOY = "deploy"
ROLLBACK = "rollback"
STATE_ACTIONS = (DEFINE, DELETE, DEPLOY, ROLLBACK)
"""The actions that leave a definition or a package in another state; others, such as the restart of
a server, are events.
"""
PACKAGE_KIND = "service"
"""The kind of the keys of packages: `("service", "package", "rates.py")`."""


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One line of the change log.

    `data` holds the settings as they were stored, or `version` and `sha256` of a package; None for a
    deletion, and for an event. `by` is the author, empty for Hansa itself, `service` the admin
    service by which it was made, empty where it was made by none. `at` is in seconds of the Unix
    epoch.
    """

    revision: int
    key: Key
    action: str
    data: PlainSettings | None
    by: str
    service: str
    at: float


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which lines of the change log are asked for: all that are given hold, empty texts for any."""

    kind: str = ""
    type: str = ""
    name: str = ""
    by: str = ""
    service: str = ""
    since: float | None = None
    until: float | None = None


class ChangeLog(Protocol):
    """The change log: each change of the cluster has one revision, and a line for each thing that it
    changed.

    All that reads it raises `Unavailable` if the ODB does not answer.
    """

    def first(self) -> int:
        """Return the first revision whose whole state is still known: older lines may have been
        removed. 0 if none was.
        """

    def count(self, asked: ChangeFilter) -> int:
        """Return the number of revisions that have a line which is asked for."""

    def revisions(self, asked: ChangeFilter, *, offset: int = 0, limit: int = 100) -> list[int]:
        """Return revisions that have a line which is asked for, the newest first."""

    def lines(self, revisions: Iterable[int]) -> list[LoggedChange]:
        """Return all lines of some revisions, sorted by revision and key."""

    def after(self, revision: int, keys: Collection[Key]) -> list[LoggedChange]:
        """Return the lines about some definitions and packages after a revision, in order."""

    def state_at(
        self, revision: int, keys: Collection[Key] | None = None
    ) -> dict[Key, LoggedChange]:
        """Return the lines that say how things were at a revision: of each definition and package the
        newest one up to then, deletions included; of all, or of those in `keys`.

        What did not exist yet is left out. Raises `NotFound` for a revision before `first`.
        """

    def prune(self, before: float, *, portion: int = 500) -> Iterator[int]:
        """Remove the lines that are older than a moment, in seconds of the Unix epoch, unless they
        are still the newest of their kind: what there was at that moment can always be told.

        Each step is a transaction of its own, which removes up to a portion of lines and returns how
        many.
        """
