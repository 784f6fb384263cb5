"""The telemetry of one worker: two threads send what hansa-trace and hansa-stats tell, one its spans
and one its metrics. Nothing of it is done by threads that serve requests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic, time

from hansa import PeriodicFlush, Server
from hansa_stats.statistics import Statistics
from hansa_trace.recording import BOUND
from hansa_trace.tracing import Tracing

from .delivery import Delivery, Signal
from .metrics import Metrics, Totals
from .resource import resource_of
from .settings import OtelSection
from .span_export import SpanExport
from .spans import Spans

log = logging.getLogger("hansa.otel")


class Telemetry:
    """Sends the spans and metrics of a worker to the collector.

    `failing` says of each signal why it is not sent; `taken_at` is when the collector has last taken
    anything, in seconds of the Unix epoch.
    """

    def __init__(self, server: Server, section: OtelSection) -> None:
        resource = resource_of(server, section)
        self.delivery = Delivery(section)
        self.totals = Totals()
        self.spans = SpanExport(section, Spans(resource), self.delivery)
        self.failing: dict[Signal, str] = {}
        self.taken_at: float | None = None
        self._metrics = Metrics(resource)
        self._section = section
        self._bound = min(section.timeout, server.grace)
        self._flushes: list[PeriodicFlush] = []

    def start(self, tracing: Tracing | None, statistics: Statistics | None) -> None:
        """Begin to send the steps and the counted calls of this worker."""
        section = self._section
        if tracing is not None and section.traces:
            tracing.recorder.bound = round(section.sampling_ratio * BOUND)
            tracing.watch(self.spans.take)
            self._begin("traces", self.spans.flush, section.traces_interval)
        if statistics is not None and section.metrics:
            statistics.watch(self.totals.add)
            self._begin("metrics", self.flush_metrics, section.metrics_interval)

    def stop(self) -> None:
        """Send what is left, and end; waits no longer than one request may take, or work gets to
        finish.
        """
        self.delivery.last_until = until = monotonic() + self._bound
        for flushes in self._flushes:
            flushes.stop(max(0.0, until - monotonic()))
        self.spans.end()
        self.delivery.close()

    def flush_metrics(self) -> None:
        """Send the totals; raises what keeps them from being taken.

        Those that are not taken are in the next ones, exemplars aside.
        """
        exemplars = self.spans.exemplars.take()
        content = self._metrics.request(self.totals.copy(), exemplars, self.spans.lost)
        self.delivery.send("metrics", content)

    def _begin(self, signal: Signal, flush: Callable[[], None], every: float) -> None:
        def noted() -> None:
            try:
                flush()
            except Exception as error:
                self.failing[signal] = str(error)
                raise
            self.failing.pop(signal, None)
            self.taken_at = time()

        flushes = PeriodicFlush(
            noted,
            name=f"hansa-otel {signal}",
            log=log,
            failing=f"{signal} of this worker are not taken by the collector",
            every=every,
        )
        flushes.start()
        self._flushes.append(flushes)
