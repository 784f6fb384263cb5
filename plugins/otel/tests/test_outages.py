"""A collector that is down, silent, full or none at all: nothing waits for it, what it did not take is
sent again, and what is lost is counted.
"""

from __future__ import annotations

import logging
import time

import pytest
from hansa import Unavailable
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_otel.delivery import LONGEST_PAUSE, Refusal

from plugins.otel.tests.collector import Collector
from plugins.otel.tests.worker import worker_of


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_was_not_taken_is_sent_again(strict_collector: Collector, status: int):
    strict_collector.statuses = [status]
    with worker_of(strict_collector.address) as worker:
        worker.step(cid="K1")
        with pytest.raises(Unavailable, match=str(status)):
            worker.send_spans()
        assert worker.telemetry.spans.waiting == 1
        with pytest.raises(Unavailable, match="asked to wait"):
            worker.send_spans()
        assert len(strict_collector.requests) == 1
        worker.step(cid="K2")
        worker.telemetry.delivery._not_before = 0.0
        worker.send_spans()
        assert worker.telemetry.spans.waiting == 0
    assert len(strict_collector.spans) == 2


def test_a_pause_is_bounded(strict_collector: Collector):
    strict_collector.retry_after = "99999999"
    strict_collector.statuses = [503]
    with worker_of(strict_collector.address) as worker:
        worker.step()
        with pytest.raises(Unavailable, match="503"):
            worker.send_spans()
        pause = worker.telemetry.delivery._not_before - time.monotonic()
    assert 1 < pause <= LONGEST_PAUSE


def test_what_is_refused_is_counted(strict_collector: Collector, caplog: pytest.LogCaptureFixture):
    strict_collector.statuses = [400]
    with caplog.at_level(logging.WARNING), worker_of(strict_collector.address) as worker:
        worker.step()
        with pytest.raises(Refusal, match="400"):
            worker.send_spans()
        assert worker.telemetry.spans.lost == {"no-room": 0, "refused": 1, "ended": 0}
        worker.step()
        worker.send_spans()
    assert len(strict_collector.spans) == 1
    assert "since this was last said: 1;" in caplog.text


def test_a_part_is_rejected(strict_collector: Collector, caplog: pytest.LogCaptureFixture):
    strict_collector.rejects = 2
    with caplog.at_level(logging.WARNING), worker_of(strict_collector.address) as worker:
        for _ in range(5):
            worker.step()
        worker.send_spans()
        spans = worker.telemetry.spans
        assert (spans.sent, spans.lost["refused"]) == (3, 2)
    assert "too many" in caplog.text


def test_what_is_no_collector(strict_collector: Collector):
    strict_collector.content_type = "text/html"
    with worker_of(strict_collector.address) as worker:
        worker.step()
        with pytest.raises(Refusal, match=r"\[otel\] endpoint does not speak OTLP"):
            worker.send_spans()


def test_there_is_room_for_some_while_it_is_down(caplog: pytest.LogCaptureFixture):
    address = f"http://127.0.0.1:{free_port()}"
    with caplog.at_level(logging.WARNING), worker_of(address, max_waiting=100) as worker:
        for _ in range(130):
            worker.step()
        with pytest.raises(Unavailable, match="cannot be reached"):
            worker.send_spans()
        spans = worker.telemetry.spans
        assert spans.waiting == 100
        assert spans.lost["no-room"] == 30
    assert spans.lost["ended"] == 100
    assert "since this was last said: 30;" in caplog.text
    assert "100 were not sent before the end" in caplog.text


def test_the_end_sends_what_is_left(strict_collector: Collector):
    with worker_of(strict_collector.address) as worker:
        worker.step()
        worker.call(("service", "a"), micros=1)
        worker.tracing.stop()
        worker.statistics.stop()
    assert len(strict_collector.spans) == 1
    assert strict_collector.point("hansa.calls", by="service", name="a")


def test_the_end_does_not_wait_for_a_silent_one(strict_collector: Collector):
    with worker_of(strict_collector.address, timeout=0.3) as worker:
        worker.step()
        worker.tracing.flush()
        with strict_collector.silent():
            began = time.monotonic()
            worker.telemetry.stop()
            # one request, and not one for each signal
            assert time.monotonic() - began < 10
        assert worker.telemetry.spans.lost["ended"] == 1


def test_a_header_of_the_login_is_in_no_error(strict_collector: Collector):
    with worker_of(strict_collector.address, headers={"X-Key": "s3cr3t"}) as worker:
        worker.step()
        with pytest.raises(Refusal) as caught:
            worker.send_spans()
    assert "s3cr3t" not in str(caught.value)
    assert strict_collector.misuses.pop().startswith("headers")
    strict_collector.misuses.clear()


def test_a_part_of_the_metrics_is_rejected(
    strict_collector: Collector, caplog: pytest.LogCaptureFixture
):
    strict_collector.rejects = 2
    with caplog.at_level(logging.WARNING), worker_of(strict_collector.address) as worker:
        worker.call(("service", "a"), micros=1)
        worker.send_metrics()
        worker.send_metrics()
    assert caplog.text.count("the collector says of metrics: too many") == 1


def test_the_end_does_not_wait_for_a_request_on_its_way(strict_collector: Collector):
    with worker_of(strict_collector.address, timeout=60.0, traces_interval=0.1) as worker:
        worker.telemetry._bound = 0.3
        with strict_collector.silent():
            worker.step()
            worker.tracing.flush()
            wait_until(lambda: strict_collector.asked, 30)
            began = time.monotonic()
            worker.telemetry.stop()
            assert time.monotonic() - began < 10
        assert worker.telemetry.spans.lost["ended"] == 1
