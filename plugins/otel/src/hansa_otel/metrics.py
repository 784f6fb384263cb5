"""What hansa-stats counts in a worker, as metrics of OTLP: totals since the worker began, under the
names that `/hansa/metrics` has for Prometheus.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from time import time_ns

from hansa_stats.buckets import count_up_to
from hansa_stats.choices import By
from hansa_stats.metrics import BOUNDS_MS, bounded
from hansa_stats.tally import EVERY, Series, Table, Tally
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Exemplar,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from .exemplars import BOUNDS
from .resource import SCOPE, attributes_of


class Totals:
    """What is counted in a worker since it began."""

    def __init__(self) -> None:
        self._table: Table = {}
        self._lock = threading.Lock()

    def add(self, counted: Table) -> None:
        """Add what was counted; edges of the landscape are no metrics."""
        with self._lock:
            for series, tally in counted.items():
                if series[0] != "edge":
                    self._table.setdefault(series, Tally()).merge(tally)

    def copy(self) -> Table:
        """Return the totals of now, which do not change any more."""
        with self._lock:
            copied: Table = {}
            for series, tally in self._table.items():
                copied.setdefault(series, Tally()).merge(tally)
            return copied


class Metrics:
    """Makes requests of totals, each with the resource of its worker."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._began = time_ns()

    def request(
        self,
        table: Table,
        exemplars: Mapping[Series, Sequence[Exemplar]],
        lost: Mapping[str, int],
    ) -> bytes:
        """Return the request that exports totals; `lost` are spans that were not taken, by why."""
        request = ExportMetricsServiceRequest()
        below = request.resource_metrics.add(resource=self._resource).scope_metrics.add(scope=SCOPE)
        now = time_ns()
        series = [(by, name, tally) for by in EVERY for name, tally in bounded(table, by)]
        calls = [
            self._number(now, tally.count, {"by": by, "name": name}) for by, name, tally in series
        ]
        errors = [
            self._number(now, number, {"by": by, "name": name, "code": code})
            for by, name, tally in series
            for code, number in sorted(tally.errors.items())
        ]
        durations = [
            self._durations(now, by, name, tally, exemplars.get((by, name), ()))
            for by, name, tally in series
        ]
        dropped = [self._number(now, number, {"why": why}) for why, number in lost.items()]
        below.metrics.extend(
            [
                total(
                    "hansa.calls", "{call}", "Calls, with those that failed or were refused", calls
                ),
                total("hansa.errors", "{call}", "Calls that failed or were refused", errors),
                total("hansa.otel.spans.lost", "{span}", "Spans that were not taken", dropped),
                Metric(
                    name="hansa.call.duration",
                    unit="s",
                    description="Duration of calls, without those refused before",
                    histogram=Histogram(
                        aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE,
                        data_points=durations,
                    ),
                ),
            ]
        )
        content: bytes = request.SerializeToString()
        return content

    def _number(self, now: int, number: int, labels: Mapping[str, str]) -> NumberDataPoint:
        return NumberDataPoint(
            attributes=attributes_of(labels),
            start_time_unix_nano=self._began,
            time_unix_nano=now,
            as_int=number,
        )

    def _durations(
        self, now: int, by: By, name: str, tally: Tally, exemplars: Sequence[Exemplar]
    ) -> HistogramDataPoint:
        return HistogramDataPoint(
            attributes=attributes_of({"by": by, "name": name}),
            start_time_unix_nano=self._began,
            time_unix_nano=now,
            count=tally.timed,
            sum=tally.micros / 1e6,
            explicit_bounds=BOUNDS,
            bucket_counts=bucket_counts(tally),
            exemplars=exemplars,
            max=tally.longest / 1e6,
        )


def bucket_counts(tally: Tally) -> list[int]:
    """Return how many durations each bucket has: those up to each bound, and the longer ones."""
    up_to = [count_up_to(tally.buckets, round(bound * 1000)) for bound in BOUNDS_MS]
    up_to.append(tally.timed)
    return [number - before for number, before in zip(up_to, [0, *up_to], strict=False)]


def total(name: str, unit: str, description: str, points: Sequence[NumberDataPoint]) -> Metric:
    """Return a metric that only grows."""
    return Metric(
        name=name,
        unit=unit,
        description=description,
        sum=Sum(
            aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE,
            is_monotonic=True,
            data_points=points,
        ),
    )
