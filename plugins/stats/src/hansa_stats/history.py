"""The tallies of spans of time, put together from slots; and slots put together from finer ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from .slots import DAY, HOUR, MINUTE, STEPS, Slot, Step, covering, slot_at
from .store import Store, Total
from .tally import Table, merge_tables

CLOSED_AFTER = 60
"""Seconds after the end of a minute from which on no worker adds to it."""
PART = 500
"""Slots that are read at once."""


class History:
    """What a store has of the past; `clock` returns seconds of the Unix epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock
        self._rolled: dict[str, int] = {}

    def closed_minute(self) -> int:
        """Return the number of the newest minute that no worker adds to."""
        return slot_at(MINUTE, self.clock() - CLOSED_AFTER).number - 1

    def tallies(self, since: float, until: float) -> Table:
        """Return the tallies of a span, in whole slots."""
        return self._sum(list(covering(since, until, self.clock())))

    def by_slot(self, slots: list[Slot]) -> dict[Slot, Table]:
        """Return the tallies of each of these slots."""
        found = self._read(slots)
        for slot in slots:
            if slot not in found and slot.step is not MINUTE:
                found[slot] = self._sum(slot.parts())
        return {slot: found[slot] for slot in slots if slot in found}

    def everything(self) -> Table:
        """Return the tallies of everything that was ever counted."""
        total = self.store.total()
        table = total.table
        for minute in self._tables(
            self._minutes_after(total.through, slot_at(MINUTE, self.clock()))
        ):
            merge_tables(table, minute)
        return table

    def roll_up(self) -> None:
        """Keep the hours and days that have ended and are not kept yet, and the total through the
        newest closed minute, without edges, which nobody asks for. Every worker may do so: all get
        the same.
        """
        for step in (HOUR, DAY):
            self._roll(step)
        newest = Slot(MINUTE, self.closed_minute())
        total = self.store.total()
        if total.through >= newest.number or not self.store.first():
            return
        table = total.table
        for minute in self._tables(self._minutes_after(total.through, newest)):
            merge_tables(table, minute)
        counted = {series: tally for series, tally in table.items() if series[0] != "edge"}
        self.store.put_total(Total(newest.number, counted))

    def _roll(self, step: Step) -> None:
        end = Slot(MINUTE, self.closed_minute()).end
        newest = slot_at(step, end).number - 1
        oldest = max(self._rolled.get(step.name, 0), slot_at(step, self._first_moment()).number - 1)
        missing = [Slot(step, number) for number in range(oldest + 1, newest + 1)]
        there = self.store.read(missing)
        for slot in missing:
            if slot not in there:
                self.store.put(slot, self._sum(slot.parts()))
            self._rolled[step.name] = slot.number

    def _first_moment(self) -> float:
        """Return from when on there may be minutes to put together."""
        first = self.store.first()
        if not first:
            return self.clock()
        return max(Slot(MINUTE, first).begin, self.clock() - MINUTE.kept)

    def _minutes_after(self, number: int, last: Slot) -> list[Slot]:
        oldest = slot_at(MINUTE, self.clock() - MINUTE.kept).number
        first = max(number + 1, self.store.first(), oldest)
        return [Slot(MINUTE, one) for one in range(first, last.number + 1)]

    def _sum(self, slots: list[Slot]) -> Table:
        """Return the tallies of slots, or of their parts where they are not kept themselves."""
        table: Table = {}
        first = self.store.first()
        if not first:
            return table
        begin = Slot(MINUTE, first).begin
        now = self.clock()
        while slots:
            asked = [slot for slot in slots if may_be_kept(slot, begin, now)]
            found = self._read(asked)
            for one in found.values():
                merge_tables(table, one)
            slots = [part for slot in asked if slot not in found for part in slot.parts()]
        return table

    def _tables(self, slots: list[Slot]) -> Iterable[Table]:
        return self._read(slots).values()

    def _read(self, slots: list[Slot]) -> dict[Slot, Table]:
        found: dict[Slot, Table] = {}
        for start in range(0, len(slots), PART):
            found |= self.store.read(slots[start : start + PART])
        return found


def may_be_kept(slot: Slot, begin: float, now: float) -> bool:
    """Whether a slot, or a part of it, may be kept: it is neither too old, nor in the future, nor
    before the first call was counted.
    """
    return slot.end > begin and slot.begin <= now and slot.is_kept(now)


def step_named(name: str) -> Step:
    """Return the step of a name; raises KeyError."""
    return {step.name: step for step in STEPS}[name]
