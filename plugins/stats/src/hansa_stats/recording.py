"""What is noted of each call, on its way: a number at the end of a queue, which a thread counts
later.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import TypeVar

from hansa import Dispatch, Forbidden, HansaError, Refused, Request, Response

from .tally import Series, Table, Tally

ItemT = TypeVar("ItemT")

UNEXPECTED = "unexpected"
"""The code of an error that is none of Hansa's."""


def code_of(error: BaseException) -> str:
    """Return the kind of an error."""
    return error.code if isinstance(error, HansaError) else UNEXPECTED


class Notes:
    """What calls of the same service, channel and security definition have left to be counted: the
    nanoseconds that each took, the code of each error, and the codes of refusals that took no time.
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
        tally = Tally()
        # errors first: a failed call has noted its duration before its error
        for code in _emptied(self.errors):
            tally.add_error(code)
        tally.add_durations(_emptied(self.durations))
        for code in _emptied(self.refusals):
            tally.count += 1
            tally.add_error(code)
        return tally if tally.count or tally.errors else None


def _emptied(queue: deque[ItemT]) -> list[ItemT]:
    return [queue.popleft() for _ in range(len(queue))]


class Recorder:
    """What calls have left to be counted in this worker."""

    def __init__(self) -> None:
        self._notes: dict[tuple[Series, ...], Notes] = {}
        self._noted = threading.local()

    def notes(self, *series: Series) -> Notes:
        """Return where calls of these leave what is to be counted."""
        return self._notes.setdefault(series, Notes(series))

    def take(self) -> Table:
        """Return the tallies of all calls that ended since this was last called, by one thread."""
        table: Table = {}
        for notes in list(self._notes.values()):
            tally = notes.take()
            if tally is None:
                continue
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


def measured(recorder: Recorder, notes: Notes, call: Dispatch) -> Dispatch:
    """Wrap a call so that it is counted, with its duration."""
    # PERF: the end of a queue takes 30 ns, and no lock; counting in place would take a lock and
    # some 400 ns
    note = notes.durations.append
    clock = perf_counter_ns

    def measure(request: Request) -> Response:
        began = clock()
        try:
            response = call(request)
        except BaseException as error:
            recorder.failed(notes, error, clock() - began)
            raise
        note(clock() - began)
        if response.status >= 400:
            notes.errors.append(f"status-{response.status}")
        return response

    return measure


def measured_by_caller(choices: Mapping[str, Dispatch], otherwise: Dispatch) -> Dispatch:
    """Return a callable that hands each request to the choice of the security definition which
    vouches for its caller.
    """

    def measure(request: Request) -> Response:
        definition = getattr(request.principal, "definition", "")
        return choices.get(definition, otherwise)(request)

    return measure


def measured_inside(
    recorder_of: Callable[[Request], Recorder | None], series: Series, call: Dispatch
) -> Dispatch:
    """Wrap calls from service to service, which know their worker only once one of them is made."""
    made: Dispatch | None = None

    def measure(request: Request) -> Response:
        nonlocal made
        if made is None:
            recorder = recorder_of(request)
            made = call
            if recorder is not None:
                made = measured(recorder, recorder.notes(series), call)
        return made(request)

    return measure
