"""Old changes and sources are removed by one worker, portion by portion, and by none where all are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest
from hansa import Invalid, load
from hansa_devkit import LocalServer
from hansa_devkit.local.change_log import LocalChangeLog
from hansa_devkit.local.definitions import LocalDefinitions
from hansa_devkit.local.parts import LocalPackages
from hansa_history.early import HistorySection
from hansa_history.retention import DAY, LEASE, Retention


class CountedLog(LocalChangeLog):
    """Notes up to when lines were to be removed; there are two portions of them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def prune(self, before: float, *, portion: int = 500) -> Iterator[int]:
        self.asked.append(before)
        yield portion
        yield 7


class CountedPackages(LocalPackages):
    """Notes how many versions were to be kept; there is one portion of older ones."""

    def __init__(self, definitions: LocalDefinitions) -> None:
        super().__init__(definitions)
        self.asked: list[int] = []

    def prune(self, keep: int, *, portion: int = 500) -> Iterator[int]:
        self.asked.append(keep)
        yield 3


def retention(server: LocalServer, log: CountedLog) -> Retention:
    server.change_log = log
    server.packages = CountedPackages(server.definitions)
    section = HistorySection(retention_days=10.0, source_versions=7)
    return Retention(server, section, clock=lambda: 100 * DAY)


def test_one_worker_removes_what_is_too_old() -> None:
    server = LocalServer()
    log = CountedLog()
    one = retention(server, log)
    assert one.prune() == (507, 3)
    assert log.asked == [90 * DAY]
    assert cast(CountedPackages, server.packages).asked == [7], "after the changes"
    assert server.bus.leases([LEASE]) == {}, "others may go on"
    assert server.bus.acquire(LEASE, "another", 60.0)
    assert one.prune() == (0, 0)


def test_it_ends_between_two_portions() -> None:
    log = CountedLog()
    ending = retention(LocalServer(), log)

    def stopping(before: float, *, portion: int = 500) -> Iterator[int]:
        ending.stop()
        yield portion
        yield 7

    log.prune = stopping  # type: ignore[method-assign]  # stopped meanwhile
    assert ending.prune() == (500, 0)


def test_less_than_a_day_is_refused() -> None:
    assert load(HistorySection, {"retention_days": 0}).retention_days == 0
    with pytest.raises(Invalid) as refused:
        load(HistorySection, {"retention_days": 0.5})
    assert set(refused.value.errors) == {"retention_days"}
