"""The spans of time that are asked for."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from hansa import Invalid, Model, setting

from .choices import By, SpanName
from .slots import DAY, DAY_SECONDS

SPANS: dict[SpanName, int] = {
    "hour": 3600,
    "day": DAY_SECONDS,
    "week": 7 * DAY_SECONDS,
    "month": 30 * DAY_SECONDS,
    "year": 365 * DAY_SECONDS,
}
"""The seconds of each; a month has 30 days, a year 365."""


class Span(NamedTuple):
    """A span of time, in seconds of the Unix epoch."""

    since: float
    until: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.until - self.since

    def before(self) -> Span:
        """Return the span of the same length that ends where this one begins."""
        return Span(self.since - self.seconds, self.since)


class AskedSpan(Model):
    """Of which time something is asked for."""

    span: Annotated[
        SpanName, setting("Time that ends now, or at `until`; a month has 30 days, a year 365")
    ] = "hour"
    since: Annotated[
        float | None, setting("Begin, in seconds of the Unix epoch, instead of `span`")
    ] = None
    until: Annotated[float | None, setting("End, in seconds of the Unix epoch; by default now")] = (
        None
    )

    def when(self, now: float) -> Span:
        """Return the span that is asked for; raises `Invalid` for one that ends before it begins."""
        until = now if self.until is None else self.until
        since = until - SPANS[self.span] if self.since is None else self.since
        if since >= until:
            raise Invalid({"since": "is not before the end"})
        return bounded(since, until, now)


class Asked(AskedSpan):
    """What is asked for, of which time."""

    by: Annotated[By, setting("What calls are counted by")] = "service"


def bounded(since: float, until: float, now: float) -> Span:
    """Return the part of a span that anything may be kept of, which may be empty."""
    oldest = now - DAY.kept
    newest = now + DAY.seconds
    return Span(min(max(since, oldest), newest), max(min(until, newest), oldest))
