"""The statistics of the cluster for Prometheus, in its text format 0.0.4, at `/hansa/metrics`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hansa_admin.pages import Page

from .buckets import count_up_to
from .choices import By
from .figures import of_kind, sum_of
from .statistics import Statistics
from .tally import EVERY, Table, Tally

PATH = "/hansa/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_NAMES = 500
"""Names of a kind that have metrics of their own, in alphabetical order."""
OTHERS = "(others)"
BOUNDS_MS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)
"""Upper bounds of the buckets of durations, in milliseconds."""


class Metrics(Page):
    """Return the statistics of the cluster for Prometheus."""

    name = "admin.statistics.metrics"

    def handle(self) -> bytes:
        """Return the metrics."""
        table = self.server.resource(Statistics).history.everything()
        text = "".join(f"{line}\n" for line in metrics_of(table))
        return self.answer(text.encode(), CONTENT_TYPE)


def metrics_of(table: Table) -> Iterator[str]:
    """Yield the lines of the metrics of a table."""
    series = [(by, name, tally) for by in EVERY for name, tally in bounded(table, by)]
    yield "# HELP hansa_calls_total Calls, those that failed or were refused included."
    yield "# TYPE hansa_calls_total counter"
    for by, name, tally in series:
        yield f"hansa_calls_total{{{labels(by, name)}}} {tally.count}"
    yield "# HELP hansa_errors_total Calls that failed or were refused, by code of the error."
    yield "# TYPE hansa_errors_total counter"
    for by, name, tally in series:
        for code, number in sorted(tally.errors.items()):
            yield f'hansa_errors_total{{{labels(by, name)},code="{escaped(code)}"}} {number}'
    yield "# HELP hansa_call_duration_seconds Duration of calls, without those refused before."
    yield "# TYPE hansa_call_duration_seconds histogram"
    for by, name, tally in series:
        yield from histogram_lines(labels(by, name), tally)


def histogram_lines(label: str, tally: Tally) -> Iterator[str]:
    """Yield the lines of the durations of a tally."""
    name = "hansa_call_duration_seconds"
    for bound in BOUNDS_MS:
        number = count_up_to(tally.buckets, round(bound * 1000))
        yield f'{name}_bucket{{{label},le="{bound / 1000:g}"}} {number}'
    yield f'{name}_bucket{{{label},le="+Inf"}} {tally.timed}'
    yield f"{name}_sum{{{label}}} {tally.micros / 1_000_000}"
    yield f"{name}_count{{{label}}} {tally.timed}"


def bounded(table: Table, by: By) -> Iterable[tuple[str, Tally]]:
    """Return the tallies of a kind by name, of the first names by the alphabet, and of all others
    together.
    """
    tallies = sorted(of_kind(table, by).items())
    shown = tallies[:MOST_NAMES]
    rest = tallies[MOST_NAMES:]
    if rest:
        shown.append((OTHERS, sum_of(tally for _, tally in rest)))
    return shown


def labels(by: By, name: str) -> str:
    """Return the labels of a series."""
    return f'by="{by}",name="{escaped(name)}"'


def escaped(text: str) -> str:
    """Return a text as the value of a label."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
