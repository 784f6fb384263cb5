"""The lock file says what is installed, and how another set differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hansa import Invalid
from hansa.plugins.lock import lock_differences, lock_plugins
from hansa_devkit.harness.distribution import install_plugin


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of `sys.path` with two plugins."""
    folder = tmp_path / "site"
    for name in ("one", "two"):
        install_plugin(folder, name, "")
        (folder / f"hansa_{name}-1.0.dist-info/RECORD").write_text(f"{name}.py,sha256=a,1\n")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_what_differs_from_the_lock_file_is_told(installed: Path, tmp_path: Path):
    assert lock_differences(tmp_path) == [], "there is none"
    assert {"hansa", "hansa-one", "hansa-two"} <= set(lock_plugins(tmp_path))
    assert lock_differences(tmp_path) == []
    record = installed / "hansa_two-1.0.dist-info/RECORD"
    record.write_text(f"{record.read_text()}hansa_two-1.0.dist-info/INSTALLER,sha256=b,1\n")
    assert lock_differences(tmp_path) == [], "whoever installs it"

    record.write_text("two.py,sha256=other,1\n")
    install_plugin(installed, "three", "")
    path = tmp_path / "plugins.lock"
    locked = json.loads(path.read_text())
    locked["plugins"]["hansa-one"]["version"] = "0.9"
    locked["plugins"]["hansa-zero"] = {"version": "2.0", "hash": ""}
    path.write_text(json.dumps(locked))
    assert lock_differences(tmp_path) == [
        "hansa-one 1.0 is installed, 0.9 is locked",
        "hansa-three is installed and not locked",
        "hansa-two 1.0 has other files than the one that was locked",
        "hansa-zero 2.0 is locked and not installed",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plugins": {"hansa": 5}}'])
def test_a_lock_file_that_cannot_be_read(tmp_path: Path, text: str):
    (tmp_path / "plugins.lock").write_text(text)
    with pytest.raises(Invalid, match=r"plugins\.lock: cannot be read"):
        lock_differences(tmp_path)
