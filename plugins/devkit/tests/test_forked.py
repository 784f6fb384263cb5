"""The command `hansa` in a forked process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hansa_devkit.harness.forked import ForkedCommand


def test_a_signal_to_one_whose_status_has_not_come_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ForkedCommand(["--version"], tmp_path, dict(os.environ), tmp_path / "output")
    assert command.wait(60) == 0
    monkeypatch.setattr(ForkedCommand, "poll", lambda self: None)
    command.kill()
