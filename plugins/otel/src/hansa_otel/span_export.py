"""The spans of a worker on their way to the collector: a bounded number waits, and what is lost is
counted.
"""

from __future__ import annotations

import logging
from collections import deque
from time import monotonic
from typing import NamedTuple

from hansa_trace.recording import Note, Taken

from .delivery import Delivery, Refusal
from .exemplars import Exemplars
from .settings import OtelSection
from .spans import Spans, is_sampled

log = logging.getLogger("hansa.otel")

TOLD_EVERY = 60.0
"""Seconds between lines of the log about spans that are lost."""
NO_ROOM = "no-room"
REFUSED = "refused"
ENDED = "ended"
"""Why spans are lost: too many wait, the collector refuses them, or the worker ends before it takes
them.
"""


class _Request(NamedTuple):
    content: bytes
    spans: int


class SpanExport:
    """Takes the sampled steps of a worker, and sends them; a request that the collector did not take
    is sent again, as the same one.
    """

    def __init__(self, section: OtelSection, spans: Spans, delivery: Delivery) -> None:
        self.exemplars = Exemplars()
        self.sent = 0
        self.lost = {NO_ROOM: 0, REFUSED: 0, ENDED: 0}
        self._batch_size = section.batch_size
        self._most = section.max_waiting
        self._has_exemplars = section.metrics
        self._spans = spans
        self._delivery = delivery
        self._steps: deque[tuple[float, Note]] = deque()
        self._unsent: _Request | None = None
        self._told = 0
        self._told_at = 0.0

    @property
    def waiting(self) -> int:
        """The number of spans that wait."""
        return len(self._steps) + (self._unsent.spans if self._unsent else 0)

    def take(self, taken: Taken) -> None:
        """Have those of the steps wait that are sampled, as many as there is room for."""
        steps = [(taken.zero, note) for note in taken.notes if is_sampled(note)]
        room = max(0, self._most - len(self._steps))
        self._steps.extend(steps[:room])
        self.lost[NO_ROOM] += len(steps[room:])

    def flush(self) -> None:
        """Send what waits; raises `Unavailable` if the collector does not take it now, and `Refusal`."""
        try:
            self._send()
            for _ in range(0, len(self._steps), self._batch_size):
                self._unsent = self._next()
                self._send()
        finally:
            self._tell_of_losses()

    def end(self) -> None:
        """Give up what waits, and say so."""
        self.lost[ENDED] += self.waiting
        self._steps.clear()
        self._unsent = None
        self._told_at = 0.0
        self._tell_of_losses()

    def _next(self) -> _Request:
        number = min(len(self._steps), self._batch_size)
        steps = [self._steps.popleft() for _ in range(number)]
        if self._has_exemplars:
            for zero, note in steps:
                self.exemplars.note(zero, note)
        return _Request(self._spans.request(steps), number)

    def _send(self) -> None:
        request = self._unsent
        if request is None:
            return
        try:
            rejected = self._delivery.send("traces", request.content)
        except Refusal:
            self._unsent = None
            self.lost[REFUSED] += request.spans
            raise
        self._unsent = None
        rejected = min(rejected, request.spans)
        self.sent += request.spans - rejected
        self.lost[REFUSED] += rejected

    def _tell_of_losses(self) -> None:
        lost = sum(self.lost.values())
        now = monotonic()
        if lost > self._told and now >= self._told_at + TOLD_EVERY:
            log.warning(
                "spans are lost, so many since this was last said: %s; since the worker began, %s "
                "found no room to wait in, %s were refused, and %s were not sent before the end",
                lost - self._told,
                *self.lost.values(),
            )
            self._told = lost
            self._told_at = now
