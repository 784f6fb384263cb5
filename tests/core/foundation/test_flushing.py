"""What requests leave in memory, kept once in a while."""

from __future__ import annotations

import logging
import threading

import pytest
from hansa import PeriodicFlush
from hansa_devkit.harness.waiting import wait_until

log = logging.getLogger("hansa.tests.flushing")


class Kept:
    """Counts how often it was asked to keep something, and refuses while it is `away`."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def flush(self) -> None:
        self.asked += 1
        if self.away:
            raise OSError("the store is away")


def flushing(kept: Kept, *, every: float = 0.01) -> PeriodicFlush:
    return PeriodicFlush(kept.flush, name="tests", log=log, failing="it waits", every=every)


def test_it_flushes_again_and_again_and_once_more_at_the_end() -> None:
    kept = Kept()
    found = flushing(kept)
    found.start()
    wait_until(lambda: kept.asked > 2, 10, "it flushes")
    assert found.stop(10)
    at_the_end = kept.asked
    assert found.attempt()
    assert kept.asked == at_the_end + 1


def test_a_failure_is_logged_once_until_it_succeeds_again(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    found = flushing(kept)
    kept.away = True
    assert [found.attempt(), found.attempt(), found.is_failing] == [False, False, True]
    assert [record.getMessage() for record in caplog.records] == ["it waits: the store is away"]
    kept.away = False
    assert found.attempt() and not found.is_failing
    kept.away = True
    assert not found.stop(0)
    assert len(caplog.records) == 2


def test_a_thread_goes_on_after_failures_and_what_follows_is_done_each_time() -> None:
    kept = Kept()
    kept.away = True
    followed: list[int] = []
    found = PeriodicFlush(
        kept.flush,
        name="tests",
        log=log,
        failing="it waits",
        then=lambda: followed.append(kept.asked),
        every=0.01,
    )
    found.start()
    wait_until(lambda: len(followed) > 2, 10, "what follows is done")
    kept.away = False
    assert found.stop(10)
    assert followed == list(range(1, len(followed) + 1))


def test_a_flush_that_hangs_is_not_waited_for_beyond_the_grace() -> None:
    hangs = threading.Event()
    goes_on = threading.Event()

    def flush() -> None:
        hangs.set()
        goes_on.wait(60)

    found = PeriodicFlush(flush, name="tests", log=log, failing="it waits", every=0.01)
    found.start()
    assert hangs.wait(10)
    assert not found.stop(0.05)
    goes_on.set()
