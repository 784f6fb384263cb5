"""A worker that needs too much memory asks to be replaced, and one that always does not without end."""

from __future__ import annotations

import threading

import pytest
from hansa.runtime import memory
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

    watch = MemoryWatch(100, replace)
    watch.start()
    assert not asked.wait(0.1)
    used[0] = 102 * MIB
    assert asked.wait(10)
    watch.stop()
    assert told == ["it needs 102 MiB of memory, over its limit of 100 MiB"]


def test_a_limit_that_no_worker_keeps_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(memory, "LOOK", 0.01)
    told: list[str] = []
    watch = MemoryWatch(1, told.append)
    watch.start()
    threading.Event().wait(0.1)
    watch.stop()
    assert not told
    assert "a worker needs more than 1 MiB from its start on" in caplog.text


def test_there_is_no_limit_by_default():
    watch = MemoryWatch(0, pytest.fail)
    watch.start()
    watch.stop()
