"""A collector that is strict about OTLP over HTTP with protobuf: what the specification or the data
model of OpenTelemetry does not permit is refused with 400 and noted in `misuses`.
"""

from __future__ import annotations

import contextlib
import gzip
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PROTOBUF = "application/x-protobuf"
KNOWN_HEADERS = {
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "user-agent",
}
Attributes = dict[str, str | int]
Labels = tuple[tuple[str, str | int], ...]


class Misuse(Exception):
    """What a collector must not be sent."""


class Collector:
    """Serves on loopback until `stop`; right for many clients at once.

    `spans` are those that were taken, each with the attributes of its resource; `points` the last
    ones of each metric by resource, name and attributes. `statuses` are answered to the next
    requests, one each, before any is taken; `silent` has requests wait for ever, which `asked` counts,
    too; `rejects` says how many spans or points of each request are rejected. `login` is the value
    that the header `Authorization` of each request must have; empty for none.
    """

    def __init__(self, context: ssl.SSLContext | None = None, login: str = "") -> None:
        self.spans: list[tuple[Attributes, Span]] = []
        self.points: dict[tuple[str | int, str, Labels], NumberDataPoint | HistogramDataPoint] = {}
        self.requests: list[str] = []
        self.asked = 0
        self.misuses: list[str] = []
        self.statuses: list[int] = []
        self.rejects = 0
        self.content_type = PROTOBUF
        self.retry_after = ""
        self._login = login
        self._lock = threading.Lock()
        self._speaks = threading.Event()
        self._speaks.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is logged."""

            def do_POST(self) -> None:
                collector.answer(self)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                """A client that has stopped waiting is no fault."""

        self._server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.address = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        """Let nobody connect any more."""
        self._speaks.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Answer nobody inside of the block."""
        self._speaks.clear()
        try:
            yield
        finally:
            self._speaks.set()

    # -- what was taken ----------------------------------------------------------------------------

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name that were taken."""
        with self._lock:
            return [span for _, span in self.spans if span.name == name]

    def point(self, metric: str, **labels: str) -> NumberDataPoint | HistogramDataPoint | None:
        """Return the last point of a metric, of any resource."""
        wanted = tuple(sorted(labels.items()))
        with self._lock:
            for (_, name, found), point in self.points.items():
                if name == metric and found == wanted:
                    return point
        return None

    # -- the protocol ------------------------------------------------------------------------------

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        self.asked += 1
        if not self._speaks.is_set():
            # whoever asked has stopped waiting by the time that others are answered again
            self._speaks.wait(60)
            handler.close_connection = True
            return
        with self._lock:
            self.requests.append(handler.path)
            status = self.statuses.pop(0) if self.statuses else 200
            content = b""
            if status == 200:
                try:
                    content = self._take(handler, body)
                except Misuse as misuse:
                    self.misuses.append(str(misuse))
                    status = 400
        handler.send_response(status)
        handler.send_header("Content-Type", self.content_type)
        if self.retry_after:
            handler.send_header("Retry-After", self.retry_after)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(content)

    def _take(self, handler: BaseHTTPRequestHandler, body: bytes) -> bytes:
        headers = handler.headers
        known = KNOWN_HEADERS | ({"authorization"} if self._login else set())
        require(not {name.lower() for name in headers} - known, f"headers {headers.keys()}")
        require(headers.get("Authorization", "") == self._login, "login")
        require(headers.get("Content-Type") == PROTOBUF, "content type")
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        else:
            require("Content-Encoding" not in headers, "content encoding")
        if handler.path == "/v1/traces":
            return self._take_spans(body)
        require(handler.path == "/v1/metrics", f"path {handler.path}")
        return self._take_points(body)

    def _take_spans(self, body: bytes) -> bytes:
        request = ExportTraceServiceRequest.FromString(body)
        require_known(request)
        found: list[tuple[Attributes, Span]] = []
        for one in request.resource_spans:
            resource = judged_resource(one.resource.attributes)
            for scope in one.scope_spans:
                require(bool(scope.scope.name), "name of the scope")
                for span in scope.spans:
                    judge_span(span)
                    found.append((resource, span))
        require(bool(found), "request without spans")
        response = ExportTraceServiceResponse()
        if self.rejects:
            response.partial_success.rejected_spans = self.rejects
            response.partial_success.error_message = "too many"
        self.spans += found[self.rejects :]
        return response.SerializeToString()

    def _take_points(self, body: bytes) -> bytes:
        request = ExportMetricsServiceRequest.FromString(body)
        require_known(request)
        for one in request.resource_metrics:
            resource = judged_resource(one.resource.attributes)
            for scope in one.scope_metrics:
                names = [metric.name for metric in scope.metrics]
                require(len(set(names)) == len(names), "a metric twice")
                for metric in scope.metrics:
                    self._take_metric(resource["service.instance.id"], metric)
        response = ExportMetricsServiceResponse()
        if self.rejects:
            response.partial_success.rejected_data_points = self.rejects
            response.partial_success.error_message = "too many"
        return response.SerializeToString()

    def _take_metric(self, instance: str | int, metric: Metric) -> None:
        require(bool(metric.name and metric.unit and metric.description), f"metric {metric.name}")
        kind = metric.WhichOneof("data")
        require(kind in ("sum", "histogram"), f"{metric.name}: {kind}")
        data = metric.sum if kind == "sum" else metric.histogram
        require(data.aggregation_temporality == 2, f"{metric.name}: not cumulative")
        seen = set()
        for point in data.data_points:
            labels = tuple(sorted(plain(point.attributes).items()))
            require(labels not in seen, f"{metric.name} {labels} twice")
            seen.add(labels)
            before = self.points.get((instance, metric.name, labels))
            judge_point(metric.name, point, before)
            self.points[instance, metric.name, labels] = point


def require(holds: bool, what: str) -> None:
    """Raise `Misuse` for what does not hold."""
    if not holds:
        raise Misuse(what)


def require_known(message: Message) -> None:
    """Refuse fields that this version of OTLP does not have, at any depth."""
    require(not len(UnknownFieldSet(message)), f"unknown fields of {type(message).__name__}")
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in value if field.is_repeated else [value]:
                require_known(one)


def plain(attributes: Iterator[KeyValue]) -> Attributes:
    """Return attributes by name, which have texts and whole numbers here."""
    found: Attributes = {}
    for one in attributes:
        kind = one.value.WhichOneof("value")
        require(kind in ("string_value", "int_value"), f"attribute {one.key}: {kind}")
        require(bool(one.key) and one.key not in found, f"attribute {one.key} twice or empty")
        is_text = kind == "string_value"
        found[one.key] = one.value.string_value if is_text else one.value.int_value
    return found


def judged_resource(attributes: Iterator[KeyValue]) -> Attributes:
    """Return the attributes of a resource; it must say of what it is."""
    found = plain(attributes)
    for name in ("service.name", "service.instance.id", "service.version", "host.name"):
        require(bool(found.get(name)), f"no {name}")
    return found


def judge_span(span: Span) -> None:
    """Refuse a span that the data model of traces does not permit."""
    plain(span.attributes)
    require(len(span.trace_id) == 16 and any(span.trace_id), "trace id")
    require(len(span.span_id) == 8 and any(span.span_id), "span id")
    require(len(span.parent_span_id) in (0, 8), "parent")
    require(span.parent_span_id != span.span_id, "its own parent")
    require(bool(span.name) and span.kind != Span.SPAN_KIND_UNSPECIFIED, "name or kind")
    require(0 < span.start_time_unix_nano <= span.end_time_unix_nano, "times of a span")
    require(bool(span.flags & 1), "a span that is not sampled")
    if span.status.message:
        require(span.status.code == 2, "a message of what has not failed")


def judge_point(
    name: str,
    point: NumberDataPoint | HistogramDataPoint,
    before: NumberDataPoint | HistogramDataPoint | None,
) -> None:
    """Refuse a point that the data model of metrics does not permit, or that has shrunk."""
    require(0 < point.start_time_unix_nano < point.time_unix_nano, f"{name}: times")
    if before is not None:
        require(point.start_time_unix_nano == before.start_time_unix_nano, f"{name}: new start")
        require(point.time_unix_nano > before.time_unix_nano, f"{name}: out of order")
    if isinstance(point, NumberDataPoint):
        require(point.WhichOneof("value") == "as_int" and point.as_int >= 0, f"{name}: no count")
        require(not isinstance(before, NumberDataPoint) or before.as_int <= point.as_int, name)
        return
    bounds = list(point.explicit_bounds)
    require(all(low < high for low, high in pairwise(bounds)), f"{name}: bounds")
    require(len(point.bucket_counts) == len(bounds) + 1, f"{name}: buckets")
    require(sum(point.bucket_counts) == point.count, f"{name}: count")
    require(not isinstance(before, HistogramDataPoint) or before.count <= point.count, name)
    for exemplar in point.exemplars:
        plain(exemplar.filtered_attributes)
        require(len(exemplar.trace_id) == 16 and len(exemplar.span_id) == 8, "ids of an exemplar")
        require(exemplar.WhichOneof("value") == "as_double", "value of an exemplar")
        require(0 < exemplar.time_unix_nano <= point.time_unix_nano, "time of an exemplar")
