"""Threads that an object leaves running are named in the log, with the object."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hansa import Outgoing
from hansa.runtime.retirement import stop
from hansa.runtime.threads import ThreadOwners, owners
from hansa_devkit import LocalServer


class Threaded(Outgoing):
    """Starts a thread that starts another; `stop` ends both if it is `careful`."""

    type = "threaded"
    careful = False

    def start(self) -> None:
        """Start both."""
        self.ended = threading.Event()
        self.both = threading.Event()
        self.thread = threading.Thread(target=self.run, name="reader of it")
        self.thread.start()
        self.both.wait(10)

    def run(self) -> None:
        """Start the other, and wait for both ends."""
        other = threading.Thread(target=self.ended.wait, name="keeper of it")
        other.start()
        self.both.set()
        other.join()

    def stop(self) -> None:
        """End the threads, perhaps."""
        if self.careful:
            self.ended.set()


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> ThreadOwners:
    """Those of this process, which notes starts of threads as long as the test runs."""
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.start)
    monkeypatch.setattr(owners, "_patience", 0.05)
    owners.install()
    return owners


@pytest.mark.parametrize("careful", [False, True])
def test_threads_that_are_left_are_named(
    noted: ThreadOwners, caplog: pytest.LogCaptureFixture, until: Any, careful: bool
):
    left, other = (Threaded(name, Threaded.Config(), LocalServer()) for name in ("left", "other"))
    left.careful = careful
    for one in (left, other):
        with noted.starting(one):
            one.start()
    threads = threading.active_count()
    stop(left)
    if careful:
        until(lambda: threading.active_count() <= threads - 2)
        assert "left" not in caplog.text
    else:
        message = "outgoing threaded 'left' was stopped and left 2 of its threads running: "
        until(lambda: f"{message}reader of it, keeper of it" in caplog.text)
    assert "'other'" not in caplog.text
    for one in (left, other):
        one.ended.set()
