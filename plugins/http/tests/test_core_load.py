"""What a process uses of a core, and what its threads stand in line for."""

from __future__ import annotations

import threading
import time

from hansa_http.core_load import WINDOW, CoreLoad, run_delay


def measured(load: CoreLoad) -> float:
    """Ask until it answers."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = load.measure()
        if found is not None:
            return found
        time.sleep(WINDOW)
    raise AssertionError("no answer")


def test_a_process_that_sleeps_uses_less_than_one_that_computes():
    load = CoreLoad()
    sleeping = min(measured(load) for _ in range(5))
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            sum(range(1000))

    busy = threading.Thread(target=compute)
    busy.start()
    try:
        load.forget()
        computing = max(measured(load) for _ in range(5))
    finally:
        stop.set()
        busy.join()
    assert computing > sleeping


def test_it_begins_anew():
    load = CoreLoad()
    assert load.measure() is None
    time.sleep(2 * WINDOW)
    load.forget()
    assert load.measure() is None


def test_standing_in_line_only_grows():
    first = run_delay()
    assert first >= 0.0
    assert run_delay() >= first
