"""A worker that needs too much memory asks to be replaced, and one that always does not without end."""

from __future__ import annotations

import threading

import pytest
from hansa.runtime import memory, watch
from hansa.runtime.memory import MIB, MemoryWatch, resident_memory


def test_what_is_resident_is_counted():
    before = resident_memory()
    kept = bytearray(64 * MIB)
    assert 60 * MIB < resident_memory() - before < 80 * MIB
    del kept


def test_over_the_limit_it_asks_to_be_replaced(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory, "LOOK", 0.01)
    used = [100 * MIB]
    monkeypatch.setattr(memory, "resident_memory", lambda: used[0])
    told: list[str] = []
    asked = threading.Event()

    def replace(why: str) -> None:
        told.append(why)
        asked.set()

    watching = MemoryWatch(100, replace)
    watching.start()
    assert not asked.wait(0.1)
    used[0] = 102 * MIB
    assert asked.wait(10)
    watching.stop()
    assert told == ["it needs 102 MiB of memory, over its limit of 100 MiB"]


def test_a_limit_that_no_worker_keeps_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(memory, "LOOK", 0.01)
    told: list[str] = []
    watching = MemoryWatch(1, told.append)
    watching.start()
    threading.Event().wait(0.1)
    watching.stop()
    assert not told
    assert "a worker needs more than 1 MiB from its start on" in caplog.text


def test_a_look_that_fails_is_logged_and_others_follow(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(memory, "LOOK", 0.01)
    monkeypatch.setattr(watch, "PAUSE", 0.01)
    at_first = iter([0])
    monkeypatch.setattr(memory, "resident_memory", lambda: next(at_first, 102 * MIB))
    asked = threading.Semaphore(0)

    def replace(why: str) -> None:
        asked.release()
        raise OSError("the supervisor does not listen")

    watching = MemoryWatch(100, replace)
    watching.start()
    assert asked.acquire(timeout=10)
    assert asked.acquire(timeout=10)
    watching.stop()
    assert "memory cannot be watched at the moment" in caplog.text


def test_there_is_no_limit_by_default():
    watching = MemoryWatch(0, pytest.fail)
    watching.start()
    watching.stop()
