"""What a worker has died of is laid to its starts, unless somebody else has ended it."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hansa.foundation.starts import DeathLedger
from hansa.process import workers as module
from hansa.process.workers import WorkerProcess, Workers


@pytest.fixture
def deaths(tmp_path: Path) -> DeathLedger:
    return DeathLedger(tmp_path)


def bury(deaths: DeathLedger, status: int | None, journal: str, oom_kills: int = 4) -> list[str]:
    """Return what is blamed for the end of a worker, which lives if it has no status; the kernel has
    killed 4 processes before.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "count_oom_kills", lambda: 4)
        unused: Any = None
        workers = Workers(unused, unused, deaths, 1.0, unused, unused)
        patch.setattr(module, "count_oom_kills", lambda: oom_kills)
        deaths.journal(9).write_text(journal)
        child: Any = SimpleNamespace(pid=9, poll=lambda: status)
        return workers.bury(WorkerProcess(0, 1, child, unused))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_was_killed_from_outside(
    deaths: DeathLedger, number: int, caplog: pytest.LogCaptureFixture
):
    assert bury(deaths, -number, "+one\n") == []
    (record,) = caplog.records
    said = record.getMessage()
    assert f"was ended by {signal.Signals(number).name} while it started ['one']" in said
    assert "it is not known which, so nothing is blamed" in said
    assert deaths.all() == {} and not deaths.journal(9).exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_has_killed_itself(deaths: DeathLedger, number: int):
    assert bury(deaths, -number, "+one\n+two\n*one\n") == ["one"]


def test_one_that_the_kernel_has_killed_for_want_of_memory(deaths: DeathLedger):
    assert bury(deaths, -signal.SIGKILL, "+one\n", oom_kills=5) == ["one"]
    assert bury(deaths, -signal.SIGTERM, "+one\n", oom_kills=5) == []


def test_one_that_hangs(deaths: DeathLedger, caplog: pytest.LogCaptureFixture):
    assert bury(deaths, None, "+one\n") == ["one"]
    assert str(deaths.quarantined("one")) == "its start hung (was not ready after 60 s)"
    assert "one is quarantined: its start hung" in caplog.text
    assert bury(deaths, None, "+two\n+three\n") == ["two", "three"]
    assert deaths.all()["two"].count == 1 and deaths.quarantined("two") is None
    hung = "+two\n+four\n?four\tnot within 30 s, in a.py:3 (f)\n"
    assert bury(deaths, 1, hung) == ["four"]
    assert str(deaths.quarantined("four")) == "its start hung (not within 30 s, in a.py:3 (f))"


def test_others(deaths: DeathLedger):
    assert bury(deaths, 7, "+one\n") == ["one"]
    assert bury(deaths, -signal.SIGSEGV, "+one\n") == ["one"]
