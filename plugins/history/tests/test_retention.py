"""Old changes are removed by one worker, portion by portion, and by none where all are kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hansa import Invalid, load
from hansa_devkit import LocalServer
from hansa_devkit.local.change_log import LocalChangeLog
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


def retention(server: LocalServer, log: CountedLog, holder: str) -> Retention:
    return Retention(log, server.bus, holder, 10.0, clock=lambda: 100 * DAY)


def test_one_worker_removes_what_is_too_old() -> None:
    server = LocalServer()
    log = CountedLog()
    assert retention(server, log, "one").prune() == 507
    assert log.asked == [90 * DAY]
    assert server.bus.leases([LEASE]) == {}, "others may go on"
    assert server.bus.acquire(LEASE, "another", 60.0)
    assert retention(server, log, "one").prune() == 0
    assert log.asked == [90 * DAY]


def test_it_ends_between_two_portions() -> None:
    log = CountedLog()
    ending = retention(LocalServer(), log, "one")
    ending.stop()
    assert ending.prune() == 500


def test_less_than_a_day_is_refused() -> None:
    assert load(HistorySection, {"retention_days": 0}).retention_days == 0
    with pytest.raises(Invalid) as refused:
        load(HistorySection, {"retention_days": 0.5})
    assert set(refused.value.errors) == {"retention_days"}
