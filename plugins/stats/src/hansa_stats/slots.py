"""The slots of time that tallies are kept for: minutes for 2 days, hours for 60 days, days (UTC)
for 5 years.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

DAY_SECONDS = 86_400


class Step(NamedTuple):
    """A length of slots: its name, its seconds, and for how many seconds slots are kept."""

    name: str
    seconds: int
    kept: int

    @property
    def number_kept(self) -> int:
        """How many slots are kept."""
        return self.kept // self.seconds


# a day more than is promised, in which a cluster that was down rolls them up
MINUTE = Step("minute", 60, 3 * DAY_SECONDS)
HOUR = Step("hour", 3600, 61 * DAY_SECONDS)
DAY = Step("day", DAY_SECONDS, 5 * 366 * DAY_SECONDS)
STEPS = (MINUTE, HOUR, DAY)
FINER = {DAY.name: HOUR, HOUR.name: MINUTE}


class Slot(NamedTuple):
    """One slot: its step, and its number since the Unix epoch."""

    step: Step
    number: int

    @property
    def begin(self) -> int:
        """When it begins, in seconds of the Unix epoch."""
        return self.number * self.step.seconds

    @property
    def end(self) -> int:
        """When it ends."""
        return self.begin + self.step.seconds

    def is_kept(self, now: float) -> bool:
        """Whether it is not too old to be kept."""
        return self.begin >= now - self.step.kept

    def parts(self) -> list[Slot]:
        """Return the slots of the next finer step that it consists of; none for a minute."""
        finer = FINER.get(self.step.name)
        if finer is None:
            return []
        first = self.begin // finer.seconds
        return [Slot(finer, first + part) for part in range(self.step.seconds // finer.seconds)]


def slot_at(step: Step, moment: float) -> Slot:
    """Return the slot of a step that a moment is in."""
    return Slot(step, int(moment // step.seconds))


def covering(since: float, until: float, now: float) -> Iterator[Slot]:
    """Yield the fewest slots that cover a span, in order: whole minutes, and whole hours or days
    where finer slots are no longer kept.
    """
    moment = slot_at(MINUTE, since).begin
    while moment < until:
        slot = _largest(moment, until, now)
        yield slot
        moment = slot.end


def _largest(moment: int, until: float, now: float) -> Slot:
    """Return the largest slot from this moment on that ends in time, or the smallest one there is."""
    for step in reversed(STEPS):
        slot = slot_at(step, moment)
        if slot.begin == moment and slot.end <= until and slot.is_kept(now):
            return slot
    for step in STEPS:
        slot = slot_at(step, moment)
        if slot.is_kept(now):
            return slot
    return slot_at(DAY, moment)
