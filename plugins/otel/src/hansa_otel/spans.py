"""Steps of messages, as hansa-trace notes them, as spans of OTLP."""

from __future__ import annotations

from collections.abc import Iterable

from hansa_admin.writable import writable
from hansa_trace.hop import Place, Queued
from hansa_trace.recording import OK, Note
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from .resource import SCOPE, attributes_of

SAMPLED = 1
KINDS: dict[str, Span.SpanKind.ValueType] = {
    "channel": Span.SPAN_KIND_SERVER,
    "invoke": Span.SPAN_KIND_INTERNAL,
    "async": Span.SPAN_KIND_CONSUMER,
    "outgoing": Span.SPAN_KIND_CLIENT,
}
MOST_PLACES = 10_000
"""Places whose part of a span is remembered."""


class Spans:
    """Makes requests of steps, each with the resource of its worker."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._made: dict[Place, Span] = {}

    def request(self, steps: Iterable[tuple[float, Note]]) -> bytes:
        """Return the request that exports steps, each with what makes seconds of the Unix epoch of
        its times.
        """
        request = ExportTraceServiceRequest()
        below = request.resource_spans.add(resource=self._resource).scope_spans.add(scope=SCOPE)
        add = below.spans.add
        for zero, (place, cid, context, parent, began, ended, outcome, queued) in steps:
            span = add()
            # PERF: what a place has in common is copied, which takes 6 us where making it anew
            # takes 12 us
            span.CopyFrom(self._of(place))
            span.trace_id = context.trace_id.to_bytes(16, "big")
            span.span_id = context.span_id.to_bytes(8, "big")
            if parent:
                span.parent_span_id = parent.to_bytes(8, "big")
            span.trace_state = context.state
            span.flags = context.flags
            span.start_time_unix_nano = int((zero + began) * 1e9)
            span.end_time_unix_nano = int((zero + ended) * 1e9)
            span.attributes.append(
                KeyValue(key="hansa.cid", value=AnyValue(string_value=writable(cid)))
            )
            if queued is not None:
                span.attributes.extend(_attributes_of_queued(queued))
            if outcome != OK:
                span.status.code = Status.STATUS_CODE_ERROR
                span.status.message = writable(outcome)
                span.attributes.extend(attributes_of({"error.type": outcome}))
        content: bytes = request.SerializeToString()
        return content

    def _of(self, place: Place) -> Span:
        """Return what the spans of a place have in common."""
        made = self._made.get(place)
        if made is None:
            if len(self._made) >= MOST_PLACES:
                self._made.clear()
            made = self._made[place] = span_of(place)
        return made


def span_of(place: Place) -> Span:
    """Return a span with what is known of its place: its name is that of the channel or connection,
    with its type, else that of the service.
    """
    attributes = {"hansa.step": place.kind, "hansa.service": place.service}
    if place.kind in ("channel", "outgoing"):
        attributes[f"hansa.{place.kind}"] = place.name
    return Span(
        name=writable(place.name or place.service),
        kind=KINDS[place.kind],
        attributes=attributes_of(attributes),
    )


def is_sampled(note: Note) -> bool:
    """Whether the trace of a step is sampled."""
    return bool(note[2].flags & SAMPLED)


def _attributes_of_queued(queued: Queued) -> list[KeyValue]:
    return attributes_of(
        {
            "hansa.attempt": queued.attempt,
            "hansa.parent_cid": queued.parent_cid,
            "hansa.in_reply_to": queued.in_reply_to,
        }
    )
