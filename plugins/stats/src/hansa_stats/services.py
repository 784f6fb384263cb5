"""The admin services of the statistics: `admin.statistics.{summary,top,series,compare}`."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, setting
from hansa_admin.operation import Operation

from .choices import Order, StepName
from .figures import Figures, change, figures_of, listed, of_kind, sum_of
from .history import History, step_named
from .slots import Slot, slot_at
from .spans import Asked, Span, bounded
from .statistics import Statistics
from .tally import Tally

MOST_POINTS = 3000
COMPARED = ("count", "errors", "mean", "p50", "p95", "p99", "max")


class AskedSummary(Asked):
    """A summary of one, or of all."""

    name: Annotated[str, setting("Only of this name; that of a channel with its type")] = ""


class AskedTop(Asked):
    """A list, its order, and a part of it."""

    order: Annotated[Order, setting("Figure to sort by, the largest first")] = "count"
    text: Annotated[str, setting("Only names that contain this text")] = ""
    offset: Annotated[int, setting("Number to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number to return", ge=1, le=10_000)] = 50


class AskedSeries(AskedSummary):
    """The course of one, or of all."""

    step: Annotated[
        StepName,
        setting(
            "Length of each point; minutes are kept for 2 days, hours for 60, days for 5 years"
        ),
    ] = "minute"


class AskedComparison(AskedTop):
    """A list of changes, between two spans."""

    before_since: Annotated[
        float | None,
        setting(
            "Begin of the span to compare with, in seconds of the Unix epoch; by default the one "
            "of the same length before"
        ),
    ] = None
    before_until: Annotated[
        float | None,
        setting("End of the span to compare with; by default it is as long as the other"),
    ] = None

    def before(self, span: Span, now: float) -> Span:
        """Return the span to compare with; raises `Invalid` for one that ends before it begins."""
        since = span.before().since if self.before_since is None else self.before_since
        until = since + span.seconds if self.before_until is None else self.before_until
        if since >= until:
            raise Invalid({"before_until": "is not after the begin"})
        return bounded(since, until, now)


class Summary(Model):
    """The figures of a span."""

    since: Annotated[float, setting("Begin of the span, in seconds of the Unix epoch")]
    until: Annotated[float, setting("End of the span")]
    figures: Annotated[Figures, setting("Figures of all calls together")]


class Top(Model):
    """A part of a list."""

    since: Annotated[float, setting("Begin of the span, in seconds of the Unix epoch")]
    until: Annotated[float, setting("End of the span")]
    items: Annotated[list[Figures], setting("Figures by name, in order")]
    total: Annotated[int, setting("Number of names on all pages")]


class Point(Model):
    """A point of a course."""

    at: Annotated[float, setting("Begin, in seconds of the Unix epoch")]
    figures: Annotated[Figures, setting("Figures of this time")]


class Course(Model):
    """The course of a span, without the points at which nothing was called."""

    since: Annotated[float, setting("Begin of the span, in seconds of the Unix epoch")]
    until: Annotated[float, setting("End of the span")]
    step: Annotated[str, setting("Length of each point")]
    items: Annotated[list[Point], setting("Points, the oldest first")]


class Change(Model):
    """What has changed of one."""

    name: Annotated[str, setting("Name, that of a channel with its type")]
    now: Annotated[Figures, setting("Figures of the span")]
    before: Annotated[Figures, setting("Figures of the span that it is compared with")]
    change: Annotated[
        dict[str, float | None],
        setting("Change of each figure in percent; none where it was 0 before"),
    ]


class Comparison(Model):
    """What has changed, of all."""

    since: Annotated[float, setting("Begin of the span, in seconds of the Unix epoch")]
    until: Annotated[float, setting("End of the span")]
    before_since: Annotated[float, setting("Begin of the span that it is compared with")]
    before_until: Annotated[float, setting("End of the span that it is compared with")]
    items: Annotated[list[Change], setting("Changes by name, in the order of the figures now")]
    total: Annotated[int, setting("Number of names on all pages")]


class StatisticsOperation(Operation):
    """An operation on the statistics."""

    abstract = True
    right = "view"

    @property
    def history(self) -> History:
        """The tallies of the cluster."""
        return self.server.resource(Statistics).history


class StatisticsSummary(StatisticsOperation):
    """Return the figures of all calls of a kind together, or of one name."""

    name = "admin.statistics.summary"
    Input = AskedSummary
    Output = Summary

    def handle(self) -> Summary:
        """Return the summary."""
        asked: AskedSummary = self.request.input
        span = asked.when(self.history.clock())
        tallies = of_kind(self.history.tallies(*span), asked.by)
        whole = sum_of(tallies.values())
        tally = tallies.get(asked.name, Tally()) if asked.name else whole
        return Summary(**span._asdict(), figures=figures_of(asked.name, tally, whole))


class StatisticsTop(StatisticsOperation):
    """List figures by name, of services, channels or others: the slowest, or the most used."""

    name = "admin.statistics.top"
    Input = AskedTop
    Output = Top

    def handle(self) -> Top:
        """Return a page of the list."""
        asked: AskedTop = self.request.input
        span = asked.when(self.history.clock())
        found = listed(self.history.tallies(*span), asked.by, asked.text)
        found.sort(key=lambda one: (-getattr(one, asked.order), one.name))
        page = found[asked.offset : asked.offset + asked.limit]
        return Top(**span._asdict(), items=page, total=len(found))


class StatisticsSeries(StatisticsOperation):
    """Return the figures of each minute, hour or day of a span, of one name or of all together."""

    name = "admin.statistics.series"
    Input = AskedSeries
    Output = Course

    def handle(self) -> Course:
        """Return the points."""
        asked: AskedSeries = self.request.input
        now = self.history.clock()
        span = asked.when(now)
        step = step_named(asked.step)
        first = slot_at(step, span.since)
        if (span.until - first.begin) / step.seconds > MOST_POINTS:
            raise Invalid({"step": f"the span has more than {MOST_POINTS} points of this length"})
        slots = []
        slot = first
        while slot.begin < span.until:
            slots.append(slot)
            slot = Slot(step, slot.number + 1)
        points = []
        for slot, table in self.history.by_slot(slots).items():
            tallies = of_kind(table, asked.by)
            whole = sum_of(tallies.values())
            tally = tallies.get(asked.name, Tally()) if asked.name else whole
            if tally.count:
                figures = figures_of(asked.name, tally, whole)
                points.append(Point(at=slot.begin, figures=figures))
        return Course(**span._asdict(), step=step.name, items=points)


class StatisticsCompare(StatisticsOperation):
    """Compare the figures of two spans, by name."""

    name = "admin.statistics.compare"
    Input = AskedComparison
    Output = Comparison

    def handle(self) -> Comparison:
        """Return a page of the comparison."""
        asked: AskedComparison = self.request.input
        clock = self.history.clock()
        span = asked.when(clock)
        before = asked.before(span, clock)
        now = self._figures(asked, span)
        then = self._figures(asked, before)
        names = [name for name in {**now, **then} if asked.text in name]
        nothing = Tally()
        changes = []
        for name in names:
            current = now.get(name) or figures_of(name, nothing, nothing)
            earlier = then.get(name) or figures_of(name, nothing, nothing)
            changes.append(compared(earlier, current))
        changes.sort(key=lambda one: (-getattr(one.now, asked.order), one.name))
        return Comparison(
            since=span.since,
            until=span.until,
            before_since=before.since,
            before_until=before.until,
            items=changes[asked.offset : asked.offset + asked.limit],
            total=len(changes),
        )

    def _figures(self, asked: Asked, span: Span) -> dict[str, Figures]:
        """Return the figures of a span by name."""
        return {one.name: one for one in listed(self.history.tallies(*span), asked.by)}


def compared(before: Figures, now: Figures) -> Change:
    """Return what has changed of one."""
    changes = {key: change(getattr(before, key), getattr(now, key)) for key in COMPARED}
    return Change(name=now.name, now=now, before=before, change=changes)


OPERATIONS: tuple[type[Operation], ...] = (
    StatisticsSummary,
    StatisticsTop,
    StatisticsSeries,
    StatisticsCompare,
)
