"""Exemplars: for each bucket of durations the last call that is in it and whose trace is sent."""

from __future__ import annotations

import threading
from bisect import bisect_left

from hansa_stats.metrics import BOUNDS_MS
from hansa_stats.tally import Series
from hansa_trace.recording import Note
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar

from .resource import attributes_of

BOUNDS = [bound / 1000 for bound in BOUNDS_MS]
"""Upper bounds of the buckets of durations, in seconds."""


class Exemplars:
    """The exemplars since the last export: those who send spans note them, and those who send metrics
    take them.
    """

    def __init__(self) -> None:
        self._last: dict[Series, dict[int, tuple[float, Note]]] = {}
        self._lock = threading.Lock()

    def note(self, zero: float, note: Note) -> None:
        """Let a step be the exemplar of its channel, service or connection."""
        place = note[0]
        bucket = bisect_left(BOUNDS, note[5] - note[4])
        with self._lock:
            if place.kind in ("channel", "outgoing"):
                series: Series = ("channel" if place.kind == "channel" else "outgoing", place.name)
                self._last.setdefault(series, {})[bucket] = zero, note
            if place.service:
                self._last.setdefault(("service", place.service), {})[bucket] = zero, note

    def take(self) -> dict[Series, list[Exemplar]]:
        """Return the exemplars, and begin anew."""
        with self._lock:
            taken, self._last = self._last, {}
        return {
            series: [exemplar_of(zero, note) for zero, note in found.values()]
            for series, found in taken.items()
        }


def exemplar_of(zero: float, note: Note) -> Exemplar:
    """Return a step as an exemplar, with its correlation id."""
    _, cid, context, _, began, ended, _, _ = note
    return Exemplar(
        filtered_attributes=attributes_of({"hansa.cid": cid}),
        time_unix_nano=int((zero + ended) * 1e9),
        as_double=ended - began,
        span_id=context.span_id.to_bytes(8, "big"),
        trace_id=context.trace_id.to_bytes(16, "big"),
    )
