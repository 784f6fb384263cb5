"""What is noted of each call, on its way: a number at the end of a queue, which a thread counts
later.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from collections.abc import Iterable
from time import time
from typing import TypeVar

from hansa import Forbidden, HansaError, Refused

from .edges import Edge, series_of_edge
from .tally import Series, Table, Tally

ItemT = TypeVar("ItemT")

UNEXPECTED = "unexpected"
"""The code of an error that is none of Hansa's."""
MOST_EDGES = 5000
"""Edges that a worker counts calls by. Calls of further ones are counted without them."""

log = logging.getLogger("hansa.stats")


def code_of(error: BaseException) -> str:
    """Return the kind of an error."""
    return error.code if isinstance(error, HansaError) else UNEXPECTED


class Notes:
    """What calls of the same service, channel, security definition and caller have left to be
    counted: the nanoseconds that each took, the code of each error, and the codes of refusals that
    took no time.
    """

    __slots__ = ("durations", "errors", "refusals", "series")

    def __init__(self, series: tuple[Series, ...]) -> None:
        self.series = series
        self.durations: deque[int] = deque()
        self.errors: deque[str] = deque()
        self.refusals: deque[str] = deque()

    def take(self) -> Tally | None:
        """Count what is there, and forget it; None if that is nothing.

        Calls add to the queues meanwhile, without a lock: theirs is counted now or next time.
        """
        if not (self.durations or self.errors or self.refusals):
            return None
        tally = Tally()
        # errors first: a failed call has noted its duration before its error
        for code in _emptied(self.errors):
            tally.add_error(code)
        tally.add_durations(_emptied(self.durations))
        for code in _emptied(self.refusals):
            tally.count += 1
            tally.add_error(code)
        return tally


def _emptied(queue: deque[ItemT]) -> list[ItemT]:
    return [queue.popleft() for _ in range(len(queue))]


class Recorder:
    """What calls have left to be counted in this worker."""

    def __init__(self) -> None:
        self._notes: dict[tuple[Series, ...], Notes] = {}
        self._edges: set[Series] = set()
        self._is_full = False
        self._noted = threading.local()

    def notes(self, *series: Series, edges: Iterable[Edge] = ()) -> Notes:
        """Return where calls of these leave what is to be counted."""
        wanted = (*series, *self._known(edges))
        return self._notes.setdefault(wanted, Notes(wanted))

    def _known(self, edges: Iterable[Edge]) -> list[Series]:
        """Return what calls of edges are counted by; of those that there is no room for, nothing."""
        found = []
        for edge in edges:
            series = series_of_edge(edge)
            if len(self._edges) < MOST_EDGES or series in self._edges:
                self._edges.add(series)
                found.append(series)
            elif not self._is_full:
                self._is_full = True
                log.warning("calls of more than %s pairs are not in the landscape", MOST_EDGES)
        return found

    def take(self) -> Table:
        """Return the tallies of all calls that ended since this was last called, by one thread."""
        table: Table = {}
        now = int(time())
        for notes in list(self._notes.values()):
            tally = notes.take()
            if tally is None:
                continue
            tally.last = now
            for series in notes.series:
                table.setdefault(series, Tally()).merge(tally)
        return table

    def failed(self, notes: Notes, error: BaseException, nanoseconds: int) -> None:
        """Note a call that has ended with an error."""
        notes.durations.append(nanoseconds)
        notes.errors.append(code_of(error))
        if isinstance(error, Refused | Forbidden):
            self._noted.error = weakref.ref(error)

    def refused(self, notes: Notes, error: HansaError) -> None:
        """Note a request that was refused, unless `failed` has just noted it: then it was refused
        after its call had begun.
        """
        noted = getattr(self._noted, "error", None)
        if noted is None or noted() is not error:
            notes.refusals.append(error.code)
