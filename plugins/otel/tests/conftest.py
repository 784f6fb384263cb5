"""What the tests of hansa-otel share: a strict collector, and the telemetry of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plugins.otel.tests.collector import Collector


@pytest.fixture
def strict_collector() -> Iterator[Collector]:
    """A collector of one test, which must not be sent what OTLP does not permit."""
    collector = Collector()
    yield collector
    collector.stop()
    assert collector.misuses == []
