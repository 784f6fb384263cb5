"""What the kernel says of processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hansa.foundation.processes import count_oom_kills


def test_kills_for_want_of_memory_are_counted(monkeypatch: pytest.MonkeyPatch):
    lines = Path("/proc/vmstat").read_text().splitlines()
    assert f"oom_kill {count_oom_kills()}" in lines
    monkeypatch.setattr(Path, "read_text", lambda path: "oom_kills 1\noom_kill 3\npgfault 4\n")
    assert count_oom_kills() == 3


def test_a_kernel_that_does_not_say(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Path, "read_text", lambda path: "pgfault 4\n")
    assert count_oom_kills() == 0

    def missing(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    assert count_oom_kills() == 0
