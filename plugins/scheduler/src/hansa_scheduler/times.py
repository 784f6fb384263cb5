"""When a job is to run: pure calculations from its settings, in UTC, without a clock, threads or
state.

Each kind answers two questions: `after(moment)`, the first planned time later than a moment, and
`window(after, until, limit)`, the planned times in between, of which at most the latest `limit` are
returned. Planned times never depend on when a run really happened, so that nothing drifts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

# A Monday, so that jobs without a start run on the hour, at midnight UTC, or as a week begins.
EPOCH = datetime(1970, 1, 5, tzinfo=UTC)


class Times(Protocol):
    """The planned times of one job."""

    def after(self, moment: datetime) -> datetime | None:
        """Return the first planned time later than a moment; None if there is none."""

    def window(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """Return the latest `limit` planned times that are later than `after` and not later than
        `until`, in order.
        """


class Once:
    """One planned time."""

    def __init__(self, start: datetime) -> None:
        self.start = start

    def after(self, moment: datetime) -> datetime | None:
        """Return the planned time, unless it is over."""
        return self.start if self.start > moment else None

    def window(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """Return the planned time, if it is in between."""
        return [self.start] if after < self.start <= until and limit else []


class Interval:
    """`start` + n x `period`, for n from 0, `repeats` times in all; 0 repeats without end."""

    def __init__(self, start: datetime, period: timedelta, repeats: int = 0) -> None:
        self.start = start
        self.period = period
        self.repeats = repeats

    def _number(self, moment: datetime) -> int:
        """Return how many planned times are not later than a moment."""
        number = max(0, (moment - self.start) // self.period + 1)
        if self.repeats:
            return min(number, self.repeats)
        return number

    def _at(self, number: int) -> datetime | None:
        if self.repeats and number >= self.repeats:
            return None
        try:
            return self.start + number * self.period
        except OverflowError:
            return None

    def after(self, moment: datetime) -> datetime | None:
        """Return the first planned time later than a moment."""
        return self._at(self._number(moment))

    def window(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """Return the latest planned times in between."""
        end = self._number(until)
        first = max(self._number(after), end - limit)
        return [self.start + number * self.period for number in range(first, end)]


def check_zone(zone: str) -> str:
    """Return what is wrong with the name of a time zone; empty if nothing is."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # unknown; not a name; a folder of names
        return "is not a time zone of the IANA database, such as Europe/Berlin"
    return ""
