"""What is sent of steps and calls, in process: spans, samples, metrics, exemplars."""

from __future__ import annotations

import pytest
from hansa import Request, Response, Unavailable
from hansa_otel.metrics import bucket_counts
from hansa_stats.metrics import BOUNDS_MS, MOST_NAMES, OTHERS
from hansa_stats.tally import Series, Tally
from hansa_trace.hop import Place
from hypothesis import given, strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, NumberDataPoint

from plugins.otel.tests.collector import Collector, plain
from plugins.otel.tests.worker import HTTP, worker_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


def refuse(request: Request) -> Response:
    raise Unavailable("the bank sleeps")


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_spans_of_all_kinds(strict_collector: Collector, compression: str):
    queued = {"parent_cid": "K0", "in_reply_to": "K9"}
    with worker_of(strict_collector.address, compression=compression) as worker:
        worker.step(cid="K1")
        worker.step(Place("invoke", "", "prices.get"), cid="K2")
        worker.step(Place("outgoing", "http rates"), refuse, cid="K3")
        worker.step(Place("async", "", "orders.bill"), cid="K4", attempt=2, extra=queued)
        worker.send_spans()
    found = {span.name: span for _, span in strict_collector.spans}
    assert set(found) == {"http orders", "prices.get", "http rates", "orders.bill"}
    assert plain(iter(found["orders.bill"].attributes)) == {
        "hansa.step": "async",
        "hansa.service": "orders.bill",
        "hansa.cid": "K4",
        "hansa.attempt": 2,
        "hansa.parent_cid": "K0",
        "hansa.in_reply_to": "K9",
    }
    assert plain(iter(found["http rates"].attributes)) == {
        "hansa.step": "outgoing",
        "hansa.outgoing": "http rates",
        "hansa.cid": "K3",
        "error.type": "unavailable",
    }
    assert found["http orders"].status.code == 0


def test_many_are_sent_in_batches(strict_collector: Collector):
    with worker_of(strict_collector.address, batch_size=100) as worker:
        for number in range(1050):
            worker.step(cid=f"K{number}")
        worker.send_spans()
        assert worker.telemetry.spans.sent == 1050
    assert strict_collector.requests.count("/v1/traces") == 11
    cids = [plain(iter(span.attributes))["hansa.cid"] for _, span in strict_collector.spans]
    assert cids == [f"K{number}" for number in range(1050)]


def test_a_share_of_the_traces_is_sent_and_the_flag_says_which(strict_collector: Collector):
    flags = []

    def note(request: Request) -> Response:
        assert request.trace is not None
        flags.append(request.trace.flags)
        return Response()

    with worker_of(strict_collector.address, sampling_ratio=0.25) as worker:
        for _ in range(2000):
            worker.step(act=note)
        worker.send_spans()
    assert 300 < sum(flags) < 700
    assert len(strict_collector.spans) == sum(flags)


@pytest.mark.parametrize(("flag", "ratio", "number"), [("00", 1.0, 0), ("01", 0.0, 1)])
def test_the_caller_of_a_trace_decides(
    strict_collector: Collector, flag: str, ratio: float, number: int
):
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-{flag}"}
    with worker_of(strict_collector.address, sampling_ratio=ratio) as worker:
        worker.step(headers=headers)
        worker.send_spans()
    assert [span.trace_id.hex() for _, span in strict_collector.spans] == [TRACE] * number


def test_texts_that_are_none(strict_collector: Collector):
    with worker_of(strict_collector.address, resource={"a": "\udcff"}) as worker:
        worker.step(Place("channel", "pickup \udcff", "\udcff"), cid="\ud800")
        worker.telemetry.spans.take(worker.tracing.recorder.take(1))
        worker.telemetry.spans.flush()
    (span,) = strict_collector.named("pickup ?")
    assert plain(iter(span.attributes))["hansa.cid"] == "?"


def test_metrics_are_totals_and_exemplars_name_traces(strict_collector: Collector):
    channel: Series = ("channel", "http orders")
    with worker_of(strict_collector.address) as worker:
        worker.call(channel, ("service", "orders.get"), micros=3000)
        worker.call(channel, ("service", "orders.get"), micros=70_000_000, error="timeout")
        worker.call(("edge", "a b"), micros=1)
        worker.step(cid="K1")
        worker.send_spans()
        worker.send_metrics()
        durations = strict_collector.point("hansa.call.duration", by="channel", name=channel[1])
        worker.call(channel, micros=3000)
        worker.send_metrics()
    assert isinstance(durations, HistogramDataPoint)
    assert (durations.count, durations.sum, durations.max) == (2, 70.003, 70.0)
    assert list(durations.bucket_counts) == [0, 0, 1] + [0] * 12 + [1]
    (exemplar,) = durations.exemplars
    ((_, span),) = strict_collector.spans
    assert (exemplar.trace_id, exemplar.span_id) == (span.trace_id, span.span_id)
    assert plain(iter(exemplar.filtered_attributes)) == {"hansa.cid": "K1"}
    calls = strict_collector.point("hansa.calls", by="channel", name=channel[1])
    assert isinstance(calls, NumberDataPoint)
    assert calls.as_int == 3
    failed = {"by": "service", "name": "orders.get", "code": "timeout"}
    errors = strict_collector.point("hansa.errors", **failed)
    assert isinstance(errors, NumberDataPoint)
    assert errors.as_int == 1
    assert not any(dict(labels).get("by") == "edge" for _, _, labels in strict_collector.points)


def test_the_number_of_names_is_bounded(strict_collector: Collector):
    with worker_of(strict_collector.address) as worker:
        for number in range(MOST_NAMES + 3):
            worker.call(("service", f"s{number:04}"), micros=5)
        worker.send_metrics()
    others = strict_collector.point("hansa.calls", by="service", name=OTHERS)
    assert isinstance(others, NumberDataPoint)
    assert others.as_int == 3


def test_either_signal_can_be_left_out(strict_collector: Collector):
    with worker_of(strict_collector.address, metrics=False) as worker:
        worker.step(HTTP)
        worker.call(("service", "a"), micros=1)
        worker.tracing.flush()
        worker.statistics.flush()
    assert set(strict_collector.requests) == {"/v1/traces"}
    with worker_of(strict_collector.address, traces=False) as worker:
        worker.step(HTTP)
        worker.tracing.flush()
        worker.send_metrics()
    assert len(strict_collector.spans) == 1


@given(st.lists(st.integers(0, 10**9), max_size=30))
def test_each_duration_is_in_one_bucket(micros: list[int]):
    tally = Tally()
    tally.add_durations([one * 1000 for one in micros])
    counts = bucket_counts(tally)
    assert len(counts) == len(BOUNDS_MS) + 1
    assert min(counts) >= 0
    assert sum(counts) == len(micros)


def test_no_exemplars_wait_where_no_metrics_are_sent(strict_collector: Collector):
    with worker_of(strict_collector.address, metrics=False) as worker:
        worker.step()
        worker.send_spans()
        assert not worker.telemetry.spans.exemplars.take()
