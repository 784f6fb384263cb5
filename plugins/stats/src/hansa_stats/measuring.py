"""What is put around calls, so that they are noted: each as called by the channel or the service
that it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter_ns

from hansa import Binding, Dispatch, Request, Response, current_caller

from .edges import Edge, End, How, service_end
from .recording import Notes, Recorder
from .tally import Series

QUEUED = "invoke-async"
"""The type of the binding of queued calls."""


def measured(
    recorder: Recorder, notes: Notes, call: Dispatch, service: str, within: str = ""
) -> Dispatch:
    """Wrap a call so that it is counted, with its duration.

    What it calls in turn is called by `service`, or by none if that is empty; what is called after
    it, by the service `within` which it is called.
    """
    # PERF: the end of a queue takes 30 ns, and no lock; counting in place would take a lock and
    # some 400 ns
    note = notes.durations.append
    clock = perf_counter_ns

    def measure(request: Request) -> Response:
        caller = current_caller()
        caller.service = service
        began = clock()
        try:
            response = call(request)
        except BaseException as error:
            caller.service = within
            recorder.failed(notes, error, clock() - began)
            raise
        note(clock() - began)
        caller.service = within
        if response.status >= 400:
            notes.errors.append(f"status-{response.status}")
        return response

    return measure


def measured_by_definition(choices: Mapping[str, Dispatch], otherwise: Dispatch) -> Dispatch:
    """Return a callable that hands each request to the choice of the security definition which
    vouches for its caller.
    """

    def measure(request: Request) -> Response:
        definition = getattr(request.principal, "definition", "")
        return choices.get(definition, otherwise)(request)

    return measure


class InsideCalls:
    """Calls of one service by others, and from the queue: counted by who calls. Its worker, and
    whether its calls are queued, is known only once one of them is made.
    """

    def __init__(
        self,
        recorder_of: Callable[[Binding], Recorder | None],
        service: str,
        call: Dispatch,
        *,
        is_shown: bool,
    ) -> None:
        self._recorder_of = recorder_of
        self._service = service
        self._call = call
        self._is_shown = is_shown

    def measured(self) -> Dispatch:
        """Return the call, so wrapped that it is counted."""
        made: dict[str, Dispatch] = {}
        find = made.get

        def measure(request: Request) -> Response:
            caller = current_caller().service
            chosen = find(caller)
            if chosen is None:
                assert request.channel is not None
                chosen = made[caller] = self._from(caller, request.channel)
            return chosen(request)

        return measure

    def _from(self, caller: str, binding: Binding) -> Dispatch:
        """Return the call as a service makes it; without one, it may come from the queue."""
        recorder = self._recorder_of(binding)
        if recorder is None:
            return self._call
        if binding.type != QUEUED:
            return self._counted(recorder, caller, "invoke", caller)
        if caller:
            return self._counted(recorder, caller, "invoke_async", caller)
        return self._queued(recorder)

    def _queued(self, recorder: Recorder) -> Dispatch:
        made: dict[str, Dispatch] = {}

        def measure(request: Request) -> Response:
            caller = str(request.extra.get("caller") or "")
            chosen = made.get(caller)
            if chosen is None:
                chosen = made[caller] = self._counted(recorder, caller, "invoke_async", "")
            return chosen(request)

        return measure

    def _counted(self, recorder: Recorder, caller: str, how: How, within: str) -> Dispatch:
        series: Series = ("service", self._service)
        edges = []
        if caller and self._is_shown:
            edges.append(Edge(service_end(caller), service_end(self._service), how))
        service = self._service if self._is_shown else ""
        notes = recorder.notes(series, edges=edges)
        return measured(recorder, notes, self._call, service, within)


def observer(recorder: Recorder, connection: End) -> Callable[[int, str], None]:
    """Return what notes the calls of an outgoing connection, by the service that makes them."""
    series: Series = ("outgoing", f"{connection.type} {connection.name}")
    made: dict[str, Notes] = {}

    def observe(nanoseconds: int, code: str) -> None:
        caller = current_caller().service
        notes = made.get(caller)
        if notes is None:
            edges = [Edge(service_end(caller), connection, "invoke")] if caller else []
            notes = made[caller] = recorder.notes(series, edges=edges)
        notes.durations.append(nanoseconds)
        if code:
            notes.errors.append(code)

    return observe
