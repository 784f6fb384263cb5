"""When a job is to run: pure calculations from its settings, in UTC, without a clock, threads or
state.

Each kind answers two questions: `after(moment)`, the first planned time later than a moment, and
`window(after, until, limit)`, the planned times in between, of which at most the latest `limit` are
returned. Planned times never depend on when a run really happened, so that nothing drifts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

# A Monday, so that jobs without a start run on the hour, at midnight UTC, or as a week begins.
EPOCH = datetime(1970, 1, 5, tzinfo=UTC)
LAST = datetime(9999, 1, 1, tzinfo=UTC)

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


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


class Cron:
    """A crontab rule in a time zone, which behaves as Debian's cron when clocks change.

    A rule for fixed times runs once a day: right after the gap when its hour is skipped, the first
    time when it comes twice. A rule whose minute or hour begins with `*` follows local time through
    both.
    """

    def __init__(self, rule: str, zone: str = "UTC") -> None:
        self.rule = ALIASES.get(rule.strip().lower(), rule)
        self.zone = ZoneInfo(zone)
        CronSim(self.rule, EPOCH)  # refuses a rule that is not valid

    def _from(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times later than a moment."""
        last = moment
        for local in CronSim(self.rule, moment.astimezone(self.zone)):
            planned = local.astimezone(UTC)
            # in the repeated hour of autumn the rule's own clock stands an hour behind
            if planned > last:
                last = planned
                yield planned

    def after(self, moment: datetime) -> datetime | None:
        """Return the first planned time later than a moment; None if there is none within 50 years."""
        return next(self._from(moment), None)

    def window(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """Return the latest planned times in between."""
        if until <= after:
            return []
        # step back first, so that years without a run are not walked through; 4 hours more than any
        # change of clocks
        back = after
        earlier = CronSim(self.rule, until.astimezone(self.zone), reverse=True)
        for number, local in enumerate(earlier, 1):
            back = local.astimezone(UTC) - timedelta(hours=4)
            if number >= limit or back <= after:
                break
        found: deque[datetime] = deque(maxlen=limit)
        for planned in self._from(max(after, back)):
            if planned > until:
                break
            found.append(planned)
        return list(found)


def check_rule(rule: str) -> str:
    """Return what is wrong with a crontab rule; empty if nothing is."""
    try:
        cron = Cron(rule)
    except CronSimError as error:
        known = f"; the names are {', '.join(ALIASES)}" if rule.strip().startswith("@") else ""
        return (
            f"is not a crontab rule of five fields, minute hour day month weekday: {error}{known}"
        )
    if cron.after(EPOCH) is None:
        return "never comes true"
    return ""


def check_zone(zone: str) -> str:
    """Return what is wrong with the name of a time zone; empty if nothing is."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # unknown; not a name; a folder of names
        return "is not a time zone of the IANA database, such as Europe/Berlin"
    return ""
