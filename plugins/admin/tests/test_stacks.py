"""What is told of the threads of a process, all of them, and of what they use the processor for."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Iterator

import pytest
from hansa import Conflict
from hansa_admin import profiling
from hansa_admin.profiling import profile
from hansa_admin.stacks import thread_stacks
from hansa_devkit.harness.waiting import wait_until

MANY = 130
"""More threads than `faulthandler` tells the stacks of."""


@pytest.fixture
def ending() -> Iterator[threading.Event]:
    """Set once the test has ended."""
    event = threading.Event()
    yield event
    event.set()


def test_threads_beyond_those_whose_stacks_are_known_are_told(ending: threading.Event) -> None:
    threads = [threading.Thread(target=ending.wait, name=f"many {n}") for n in range(MANY)]
    for thread in threads:
        thread.start()
    found = [one for one in thread_stacks() if one.name.startswith("many ")]
    assert len({one.number for one in found}) == len(found) == MANY
    known = [one for one in found if one.frames]
    assert 50 < len(known) < MANY
    assert {one.frames[0].function for one in known} == {"wait"}
    assert threading.current_thread().name not in [one.name for one in thread_stacks()]
    ending.set()
    for thread in threads:
        thread.join()


def test_a_thread_that_a_library_started_by_itself_is_told(ending: threading.Event) -> None:
    def waits_for_the_end_of_the_test() -> None:
        ending.wait()

    _thread.start_new_thread(waits_for_the_end_of_the_test, ())

    def stack() -> list[str]:
        unnamed = [one for one in thread_stacks() if one.name.startswith("without a name")]
        return [frame.function for one in unnamed for frame in one.frames]

    wait_until(lambda: "waits_for_the_end_of_the_test" in stack())


def test_a_profile_tells_what_uses_the_processor(ending: threading.Event) -> None:
    def counts_to_the_end_of_the_test() -> None:
        while not ending.is_set():
            sum(range(1000))

    thread = threading.Thread(target=counts_to_the_end_of_the_test)
    thread.start()
    found = profile(0.3)
    ending.set()
    thread.join()
    assert found.looks > 0
    assert "counts_to_the_end_of_the_test" in [one["function"] for one in found.functions()]


def test_one_profile_is_made_at_a_time(
    ending: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def lasts(seconds: float) -> profiling.Profile:
        begun.set()
        ending.wait()
        return profiling.Profile()

    with monkeypatch.context() as first:
        first.setattr(profiling, "_profile", lasts)
        thread = threading.Thread(target=profile, args=(60,))
        thread.start()
        assert begun.wait(30)
        with pytest.raises(Conflict, match="is being made already"):
            profile(60)
        ending.set()
        thread.join()
    assert profile(0.05).looks > 0
