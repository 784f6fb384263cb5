"""Requests to a collector by OTLP over HTTP with protobuf: what it takes, what it refuses, and when it
may be asked again (https://opentelemetry.io/docs/specs/otlp/).
"""

from __future__ import annotations

import gzip
import logging
import ssl
from collections.abc import Mapping
from time import monotonic
from typing import Literal, NamedTuple, TypeAlias

from google.protobuf.message import DecodeError
from hansa import HansaError, Unavailable, deadline
from hansa_http.exchange import Exchange
from hansa_http.response import BadAnswer
from hansa_http.retry import Broken, NotSent, pause
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from .settings import OtelSection

log = logging.getLogger("hansa.otel")

Signal: TypeAlias = Literal["traces", "metrics"]
PROTOBUF = "application/x-protobuf"
LARGEST_ANSWER = 64 * 1024
AGAIN = (408, 429, 502, 503, 504)
"""Answers after which a request may be sent again; others refuse it for good."""
FIRST_PAUSE = 1.0
"""Seconds for which a collector that does not say how long is not asked."""
LONGEST_PAUSE = 300.0
"""Seconds for which a collector may ask not to be asked, at most."""
FAST = 1
"""PERF: level of gzip: a span takes 1 us, and 6 us at the default level, for 10 % more bytes."""


class Refusal(Exception):
    """The collector refuses a request, which is not to be sent again; its text says why."""


class Outcome(NamedTuple):
    """What a collector has taken: `rejected` of it were not; `why` says the reason, or warns."""

    rejected: int
    why: str


class Delivery:
    """Sends requests to the collector, one at a time for each signal.

    `last_until` is when a request must have ended, by the monotonic clock; None while the worker
    serves.
    """

    def __init__(self, section: OtelSection) -> None:
        context = ssl.create_default_context(cafile=section.tls_ca or None)
        if section.tls_certificate:
            # with a password, even an empty one, nobody is asked for the passphrase of a key
            context.load_cert_chain(section.tls_certificate, section.tls_key, password="")
        self._exchange = Exchange("the collector", context, size=2, largest=LARGEST_ANSWER)
        self._endpoint = section.endpoint.rstrip("/")
        self._timeout = section.timeout
        self._compressed = section.compression == "gzip"
        self._headers = {
            **{name: str(value) for name, value in section.headers.items()},
            "Content-Type": PROTOBUF,
        }
        if self._compressed:
            self._headers["Content-Encoding"] = "gzip"
        self._not_before = 0.0
        self._said: dict[Signal, str] = {}
        self.last_until: float | None = None

    def close(self) -> None:
        """Close all connections."""
        self._exchange.close()

    def send(self, signal: Signal, content: bytes) -> int:
        """Send a request, and return how much of it was rejected, of which the log has why; raises
        `Unavailable` if it may be sent again later, and `Refusal`.
        """
        timeout = self._time_left()
        if self._compressed:
            content = gzip.compress(content, FAST)
        url = f"{self._endpoint}/v1/{signal}"
        try:
            with deadline(timeout):
                status, headers, body = self._exchange.send(
                    "POST", url, self._headers, content, timeout
                )
        except (NotSent, Broken) as error:
            raise Unavailable(str(error)) from error
        except (HansaError, BadAnswer) as error:
            raise Unavailable(str(error)) from error
        if status == 200:
            outcome = outcome_of(signal, headers, body)
            self._tell(signal, outcome)
            return outcome.rejected
        if status in AGAIN:
            self._not_before = monotonic() + min(pause(1, FIRST_PAUSE, headers), LONGEST_PAUSE)
            raise Unavailable(f"the collector answered with status {status}")
        raise Refusal(f"the collector refuses {signal} with status {status}")

    def _tell(self, signal: Signal, outcome: Outcome) -> None:
        """Log what a collector says of what it has taken, unless it has just said the same."""
        rejected, why = outcome
        if (rejected or why) and why != self._said.get(signal):
            log.warning("the collector says of %s: %s", signal, why or f"{rejected} are rejected")
        self._said[signal] = why

    def _time_left(self) -> float:
        now = monotonic()
        if self.last_until is not None:
            left = min(self._timeout, self.last_until - now)
        else:
            if now < self._not_before:
                raise Unavailable("the collector has asked to wait")
            left = self._timeout
        if left <= 0:
            raise Unavailable("the collector did not answer in time")
        return left


def outcome_of(signal: Signal, headers: Mapping[str, str], body: bytes) -> Outcome:
    """Return what an answer with status 200 says; one that is none of OTLP raises `Refusal`, since the
    address is that of something else.
    """
    if headers.get("content-type", PROTOBUF).partition(";")[0].strip() != PROTOBUF:
        raise Refusal("what answers at [otel] endpoint does not speak OTLP with protobuf")
    try:
        if signal == "traces":
            spans = ExportTraceServiceResponse.FromString(body).partial_success
            return Outcome(max(0, spans.rejected_spans), spans.error_message[:200])
        points = ExportMetricsServiceResponse.FromString(body).partial_success
        return Outcome(max(0, points.rejected_data_points), points.error_message[:200])
    except DecodeError:
        raise Refusal("what answers at [otel] endpoint does not speak OTLP") from None
