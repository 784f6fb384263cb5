"""The planned times of a crontab rule, through all changes of clocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from .rule import parse_rule
from .times import EPOCH

LONGEST_CHANGE = timedelta(days=1)
"""The furthest that clocks were ever set, where the date line was moved."""
SECOND = timedelta(seconds=1)


class Cron:
    """A crontab rule in a time zone, which behaves as Debian's cron when clocks change.

    A rule for fixed times runs once a day: right after the gap when its hour is skipped, the first
    time when it comes twice. A rule whose minute or hour begins with `*` follows local time through
    both. Raises ValueError or `CronSimError` for a rule that is not valid, and
    `ZoneInfoNotFoundError`.

    The library is asked for readings of a clock that never changes, since it loses its way where
    clocks change by less than an hour; where and how often a reading comes is found out here.
    """

    def __init__(self, rule: str, zone: str = "UTC") -> None:
        self.rule = parse_rule(rule)
        self.zone = ZoneInfo(zone)
        minute, hour, *_ = self.rule.split()
        self.fixed = not minute.startswith("*") and not hour.startswith("*")
        CronSim(self.rule, EPOCH)  # refuses a rule that is not valid

    def after(self, moment: datetime) -> datetime | None:
        """Return the first planned time later than a moment; None if there is none within 50 years."""
        return next(self._from(moment), None)

    def window(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """Return the latest planned times in between."""
        if until <= after:
            return []
        found: deque[datetime] = deque(maxlen=limit)
        for planned in self._from(self._step_back(after, until, limit)):
            if planned > until:
                break
            found.append(planned)
        return list(found)

    def _step_back(self, after: datetime, until: datetime, limit: int) -> datetime:
        """Return a moment from `after` on, after which there are `limit` planned times until
        `until`, so that years without a run are not walked through; `after`, if they are fewer.
        """
        earliest = self._reading(after)
        found: set[datetime] = set()
        for reading in _readings(self.rule, self._reading(until), reverse=True):
            if reading < earliest:
                break
            found.update(self._moments(reading)[:1])
            if len(found) >= limit:
                return max(after, min(found) - SECOND)
        return after

    def _from(self, moment: datetime) -> Iterator[datetime]:
        """Yield the planned times later than a moment."""
        last = moment
        repeated: deque[datetime] = deque()
        for reading in _readings(self.rule, self._first_reading(moment)):
            moments = self._moments(reading)
            if not moments:
                continue
            while repeated and repeated[0] < moments[0]:
                last = repeated.popleft()
                yield last
            if moments[0] > last:
                last = moments[0]
                yield last
            repeated.extend(again for again in moments[1:] if again > last)
        yield from repeated

    def _reading(self, moment: datetime) -> datetime:
        """Return what the clock on the wall shows at a moment."""
        return moment.astimezone(self.zone).replace(tzinfo=None)

    def _first_reading(self, moment: datetime) -> datetime:
        """Return a reading that no planned time after a moment precedes."""
        reading = self._reading(moment)
        later = self._reading(moment + LONGEST_CHANGE)
        # when clocks are about to be set back, readings from before the moment come again
        return min(reading, later - LONGEST_CHANGE)

    def _moments(self, reading: datetime) -> list[datetime]:
        """Return when the rule runs for a reading of the clock: never, once, or twice."""
        first = reading.replace(tzinfo=self.zone).astimezone(UTC)
        second = reading.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        if first == second:
            return [first]
        skipped = second < first  # PEP 495
        if skipped:
            return [self._end_of_gap(second, first)] if self.fixed else []
        return [first] if self.fixed else [first, second]

    def _end_of_gap(self, before: datetime, after: datetime) -> datetime:
        """Return the first second after clocks were set forward between two moments."""
        offset = before.astimezone(self.zone).utcoffset()
        while after - before > SECOND:
            middle = before + (after - before) // 2 // SECOND * SECOND
            if middle.astimezone(self.zone).utcoffset() == offset:
                before = middle
            else:
                after = middle
        return after


def _readings(rule: str, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    """Yield the readings of a clock that a rule names, in order, from the one next to `start` on;
    they end where none comes for 50 years, or with the calendar.
    """
    try:
        yield from CronSim(rule, start, reverse=reverse)
    except OverflowError:
        return


def check_rule(rule: str) -> str:
    """Return what is wrong with a crontab rule; empty if nothing is."""
    try:
        cron = Cron(rule)
    except (ValueError, CronSimError) as error:
        return f"is not a crontab rule of five fields, minute hour day month weekday: {error}"
    if cron.after(EPOCH) is None:
        return "never comes true"
    return ""
