"""Threads that wait for reports get theirs, whichever of them asks for all."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hansa_kafka.waits import Waits, Waking

LONG = 30.0
"""Seconds that a test waits for what comes at once."""


class Report(Waking):
    """One report that a thread waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.complete = False

    def come(self) -> None:
        """Come."""
        self.complete = True
        self.wake()


class Source:
    """Reports, which come to who asks; it notes whether two have asked at a time."""

    def __init__(self) -> None:
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self.asked = threading.Event()
        self.together = False
        self._asking = threading.Lock()

    def ask(self, seconds: float) -> None:
        """Deliver what comes within so many seconds."""
        self.asked.set()
        if not self._asking.acquire(blocking=False):
            self.together = True
            return
        try:
            self.reports.get(timeout=seconds).come()
            while not self.reports.empty():
                self.reports.get().come()
        except queue.Empty:
            return
        finally:
            self._asking.release()


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(10) as pool:
        yield pool


def test_each_of_many_threads_gets_its_own(source, threads):
    # an asker that never looks up would leave the others waiting: its own report ends it
    waits = Waits(source.ask, LONG)

    def work(number: int) -> int:
        count = 0
        for _ in range(200):
            report = Report()
            source.reports.put(report)
            count += waits.wait(report, time.monotonic() + LONG)
        return count

    assert list(threads.map(work, range(8))) == [200] * 8
    assert not source.together


def test_who_has_waited_in_vain_leaves_its_turn_to_another(source, threads):
    waits = Waits(source.ask, LONG)
    in_vain, other = Report(), Report()
    first = threads.submit(waits.wait, in_vain, time.monotonic() + 0.3)
    assert source.asked.wait(LONG)
    second = threads.submit(waits.wait, other, time.monotonic() + LONG)
    assert not first.result(LONG)
    source.reports.put(other)
    assert second.result(LONG)
    assert not source.together


def test_a_turn_that_is_taken_for_a_moment_is_passed_on(source, threads):
    waits = Waits(source.ask, LONG)
    watching = threads.submit(waits.ask_once, 0.3)
    assert source.asked.wait(LONG)
    assert not waits.ask_once(0)
    report = Report()
    waiting = threads.submit(waits.wait, report, time.monotonic() + LONG)
    assert watching.result(LONG)
    source.reports.put(report)
    assert waiting.result(LONG)


def test_after_the_end_nobody_asks_and_reports_still_come(source, threads):
    waits = Waits(source.ask, 0.05)
    report = Report()
    waiting = threads.submit(waits.wait, report, time.monotonic() + LONG)
    assert source.asked.wait(LONG)
    waits.end()
    waits.join(LONG)
    source.asked.clear()
    assert not waits.ask_once(0)
    report.come()
    assert waiting.result(LONG)
    assert not source.asked.is_set()


def test_what_fails_while_asking_leaves_nobody_behind(threads):
    failed = threading.Event()

    def ask(seconds: float) -> None:
        failed.set()
        raise RuntimeError("it broke")

    waits = Waits(ask, LONG)
    with pytest.raises(RuntimeError):
        waits.wait(Report(), time.monotonic() + LONG)
    with pytest.raises(RuntimeError):
        waits.ask_once(0)
    assert failed.is_set()
