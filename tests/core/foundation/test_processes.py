"""What the kernel says of processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hansa.foundation.processes import count_oom_kills, process_mark


def test_each_process_has_a_mark_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mark = process_mark(tmp_path, 7, 100)
    assert mark == process_mark(tmp_path / "." / "", 7, 100)
    assert len({mark, *(process_mark(tmp_path, *one) for one in ((7, 101), (8, 100)))}) == 3
    assert process_mark(tmp_path / "other", 7, 100) != mark
    monkeypatch.setattr("socket.gethostname", lambda: "another machine")
    assert process_mark(tmp_path, 7, 100) != mark
    assert process_mark(tmp_path, 7, None) == ""


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
