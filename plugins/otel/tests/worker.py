"""The telemetry of a worker in the process of the tests, which sends when it is told to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, cast

from hansa import Request, Response, Server
from hansa_devkit import LocalServer
from hansa_otel import plugin
from hansa_otel.settings import OtelSection
from hansa_otel.telemetry import Telemetry
from hansa_stats.statistics import Statistics
from hansa_stats.tally import Series
from hansa_trace.hop import Place
from hansa_trace.recording import traced
from hansa_trace.traces import Traces

HTTP = Place("channel", "http orders", "orders.get")


class Worker:
    """Makes steps and calls, and sends what is known of them."""

    def __init__(self, address: str, **settings: Any) -> None:
        section = OtelSection(
            enabled=True,
            endpoint=address,
            metrics_interval=3600.0,
            **{"timeout": 2.0, "traces_interval": 60.0, **settings},
        )
        section.check()
        self.server = LocalServer(sections={"otel": section})
        server = cast(Server, self.server)
        self.tracing = server.resource(Traces).tracing
        self.statistics = server.resource(Statistics)
        found = plugin.hansa_startup(server).telemetry
        assert found is not None
        self.telemetry: Telemetry = found

    def step(
        self,
        place: Place = HTTP,
        act: Callable[[Request], Response] = lambda request: Response(),
        **request: Any,
    ) -> None:
        """Make a step, whose error is left alone."""
        with contextlib.suppress(Exception):
            traced(self.tracing.recorder, place, act)(Request(**request))

    def call(self, *series: Series, micros: int, error: str = "") -> None:
        """Count a call."""
        notes = self.statistics.recorder.notes(*series)
        notes.durations.append(micros * 1000)
        if error:
            notes.errors.append(error)

    def send_spans(self) -> None:
        """Send the steps that were made; raises what keeps the collector from taking them."""
        self.tracing.flush()
        self.telemetry.spans.flush()

    def send_metrics(self) -> None:
        """Send what was counted."""
        self.statistics.flush()
        self.telemetry.flush_metrics()


@contextlib.contextmanager
def worker_of(address: str, **settings: Any) -> Iterator[Worker]:
    """Return a worker that sends to an address; it is ended at the end of the block."""
    worker = Worker(address, **settings)
    try:
        yield worker
    finally:
        worker.telemetry.stop()
        worker.server.close()
