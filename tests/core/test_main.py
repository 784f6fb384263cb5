"""The program: nothing of weight is imported before the first worker of a server starts; the root
gives the whole contract.
"""

from __future__ import annotations

import subprocess
import sys

import hansa
import pytest

HEAVY = {"click", "msgspec", "pluggy", "sqlalchemy", "hansa.cli", "hansa.settings"}


def test_the_program_begins_with_next_to_nothing():
    code = "import sys, hansa.__main__; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(done.stdout.split())


def test_what_cannot_start_leaves_no_worker(tmp_path):
    (tmp_path / "config.toml").write_text("[nonsense]\n")
    command = [
        sys.executable,
        "-m",
        "hansa",
        "server",
        "run",
        "--config",
        str(tmp_path / "config.toml"),
    ]
    # a worker that stayed would keep the pipes open, and this would hang
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "nonsense: unknown section" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_root_gives_the_contract_and_nothing_else():
    assert {"Service", "Channel", "Outgoing", "Invalid", "setting", "hookimpl"} <= set(
        hansa.__all__
    )
    assert all(getattr(hansa, name) is not None for name in hansa.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Servis'"):
        _ = hansa.Servis
