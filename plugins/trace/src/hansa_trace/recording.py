"""What is noted of each step, on its way: a line at the end of a queue, which a thread keeps later.

An outgoing connection learns of its call when that has ended, in the thread of the call.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from time import perf_counter, time
from typing import TypeAlias

from hansa import Dispatch, HansaError, Request, Response, TraceContext, current_cid, current_trace

from .hop import Place, Queued, Stored
from .w3c import SAMPLED, context_of

MOST_WAITING = 20_000
"""Steps that wait in a worker to be kept; more are counted, and not kept."""
OK = "ok"
UNEXPECTED = "unexpected"
"""The code of an error that is none of Hansa's."""
TRACEPARENT = "HTTP_TRACEPARENT"
"""What the header is called in a WSGI environment."""
BOUND = 1 << 64
"""Traces whose lower 64 bits are below this are sampled where all are."""

_random_bits = random.Random(random.SystemRandom().getrandbits(64)).getrandbits

Note: TypeAlias = tuple[Place, str, TraceContext, int, float, float, str, Queued | None]
"""A place, the correlation id, the step, its parent's number or 0, when it began and ended by the
performance counter, its outcome, and what is known of an asynchronous call.
"""


class Taken:
    """Steps that are to be kept, their places, and how many steps found no room to wait in.

    `notes` are the same steps as calls have left them; `zero`, added to what the performance counter
    showed, makes seconds of the Unix epoch.
    """

    def __init__(self, dropped: int) -> None:
        self.notes: list[Note] = []
        self.zero = time() - perf_counter()
        self.places: list[Place] = []
        self.steps: list[Stored] = []
        self.dropped = dropped


class Recorder:
    """The steps of this worker that wait to be kept.

    `bound` says which new traces are sampled: those whose lower 64 bits are below it. It is passed
    on as a flag of `traceparent`; steps are kept here either way.
    """

    def __init__(self) -> None:
        self.bound = BOUND
        self.notes: deque[Note] = deque()
        """Steps that wait, the oldest first: at most `MOST_WAITING`."""
        self._dropped = 0

    def note(self, note: Note) -> None:
        """Have a step wait, unless too many do."""
        if len(self.notes) < MOST_WAITING:
            self.notes.append(note)
        else:
            self._dropped += 1

    @property
    def waiting(self) -> int:
        """The number of steps that wait."""
        return len(self.notes)

    def take(self, most: int) -> Taken:
        """Return at most so many of the steps that wait."""
        taken = Taken(self._dropped)
        self._dropped -= taken.dropped
        next_note = self.notes.popleft
        notes = [next_note() for _ in range(min(len(self.notes), most))]
        taken.notes = notes
        taken.places = list({id(note[0]): note[0] for note in notes}.values())
        indexes = {id(place): index for index, place in enumerate(taken.places)}
        zero = taken.zero
        # PERF: a place is told by its identity, which takes a third of the time of its hash
        taken.steps = [
            (
                cid,
                context.trace_id.to_bytes(16, "big").hex(),
                context.span_id,
                parent,
                indexes[id(place)],
                int((zero + began) * 1e6),
                int((ended - began) * 1e6),
                outcome,
                queued,
            )
            for place, cid, context, parent, began, ended, outcome, queued in notes
        ]
        return taken


def child_of(parent: TraceContext | None, bound: int = BOUND) -> TraceContext:
    """Return a new step below another one, or the first one of a new trace, which is sampled if its
    lower 64 bits are below `bound`.
    """
    span = _random_bits(64) or 1
    if parent is None:
        trace = _random_bits(128) or 1
        return TraceContext(trace, span, SAMPLED if trace % BOUND < bound else 0)
    return TraceContext(parent.trace_id, span, parent.flags, parent.state)


def parent_of(request: Request) -> TraceContext | None:
    """Return the step that a message comes from: by its headers, else that of this thread."""
    # PERF: a request over HTTP that comes from no trace, as most do, says so in its environment, of
    # which its headers are a view that takes 0.6 us more
    environ = request.environ
    if environ is None or TRACEPARENT in environ:
        given = request.headers.get("traceparent")
        found = context_of(given, request.headers.get("tracestate") or "") if given else None
        if found is not None:
            return found
    return current_trace.get()


def traced(recorder: Recorder, place: Place, call: Dispatch) -> Dispatch:
    """Wrap a call so that it is a step of its message."""
    note = recorder.note
    waiting = recorder.notes
    clock = perf_counter
    enter = current_trace.set
    leave = current_trace.reset
    is_queued = place.kind == "async"

    def step(request: Request) -> Response:
        parent = parent_of(request)
        context = request.trace = child_of(parent, recorder.bound)
        above = 0 if parent is None else parent.span_id
        queued = _queued(request) if is_queued else None
        token = enter(context)
        outcome = OK
        began = clock()
        try:
            response = call(request)
            if response.status >= 400:
                outcome = f"status-{response.status}"
            return response
        except BaseException as error:
            outcome = error.code if isinstance(error, HansaError) else UNEXPECTED
            raise
        finally:
            leave(token)
            made = (place, request.cid, context, above, began, clock(), outcome, queued)
            # PERF: what `note` does, without a call
            if len(waiting) < MOST_WAITING:
                waiting.append(made)
            else:
                note(made)

    return step


def _queued(request: Request) -> Queued:
    extra = request.extra
    return Queued(
        request.attempt,
        str(extra.get("parent_cid") or ""),
        str(extra.get("in_reply_to") or ""),
    )


def traced_inside(
    recorder_of: Callable[[Request], Recorder | None], service: str, call: Dispatch
) -> Dispatch:
    """Wrap calls of a route without a channel, which knows its worker, and whether its calls were
    queued, only once one of them is made.
    """
    made: Dispatch | None = None

    def step(request: Request) -> Response:
        nonlocal made
        if made is None:
            recorder = recorder_of(request)
            is_queued = request.channel is not None and request.channel.type == "invoke-async"
            made = call
            if recorder is not None:
                made = traced(
                    recorder, Place("async" if is_queued else "invoke", "", service), call
                )
        return made(request)

    return step


def observer(recorder: Recorder, place: Place) -> Callable[[int, str], None]:
    """Return what notes the calls of an outgoing connection that belong to a message."""

    def observe(nanoseconds: int, code: str) -> None:
        parent = current_trace.get()
        if parent is None:
            return
        ended = perf_counter()
        began = ended - nanoseconds / 1e9
        above = parent.span_id
        cid = current_cid.get()
        recorder.note((place, cid, child_of(parent), above, began, ended, code or OK, None))

    return observe
