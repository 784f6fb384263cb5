"""The admin's password: made once, kept to the owner, or taken from the environment; and what is
told at start.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hansa import Model
from hansa_admin import early
from hansa_admin.password import ensure_password, password_reference
from hansa_cli.access import PASSWORD_VARIABLE as VARIABLE, password_file
from hansa_security.credential import is_random

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server

SectionT = TypeVar("SectionT", bound=Model)


class Config:
    """What early hooks are given."""

    def __init__(self, directory: Path) -> None:
        self.dir = directory
        self.path = directory / "config.toml"
        self.listening: dict[str, str] = {}

    def section(self, model: type[SectionT]) -> SectionT:
        raise AssertionError("the admin plugin has no section")


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_it_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        assert ensure_password(tmp_path / "var") is True
    finally:
        os.umask(old)
    file = password_file(tmp_path / "var")
    first = file.read_text()
    assert is_random(first.strip()), "as hansa-security judges it"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ensure_password(tmp_path / "var") is False
    assert file.read_text() == first
    assert list((tmp_path / "var").iterdir()) == [file]
    ensure_password(tmp_path / "other")
    assert password_file(tmp_path / "other").read_text() != first


def test_a_file_that_others_can_read_is_closed_and_an_empty_one_filled(tmp_path: Path) -> None:
    file = password_file(tmp_path)
    file.write_text("chosen by somebody\n")
    file.chmod(0o644)
    assert ensure_password(tmp_path) is False
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == "chosen by somebody\n"
    file.write_text("\n")
    assert ensure_password(tmp_path) is True
    assert file.read_text().strip()


def test_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert password_reference(tmp_path) == {"$file": str(tmp_path / "admin.password")}
    monkeypatch.setenv(VARIABLE, "from outside")
    assert ensure_password(tmp_path) is False
    assert list(tmp_path.iterdir()) == []
    assert password_reference(tmp_path) == {"$env": VARIABLE}


def test_the_password_is_told_when_it_is_made_and_then_only_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(tmp_path / "var")
    assert early.hansa_engines(config=config) == []
    password = password_file(config.dir).read_text().strip()
    assert password in "\n".join(early.hansa_ready(config=config))
    early._fresh.clear()  # as after a restart
    early.hansa_engines(config=config)
    told = "\n".join(early.hansa_ready(config=config))
    assert password not in told
    assert str(password_file(config.dir)) in told
    monkeypatch.setenv(VARIABLE, "from outside")
    assert "from outside" not in "\n".join(early.hansa_ready(config=config))


def test_the_printed_command_works_when_pasted(server: Server) -> None:
    line = next(line for line in server.output().splitlines() if line.strip().startswith("curl "))
    done = subprocess.run(
        ["sh", "-c", line + " -s -w '%{http_code}'"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.endswith("200")
    assert server.password in server.output()
    assert re.search(r"/hansa/api/docs", server.output())


def test_a_server_takes_the_password_of_the_environment_and_has_a_new_one_next_time(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = type(server)(tmp_path, {VARIABLE: "pass wörd"})
    try:
        assert other.http("/hansa/api/admin.server.status", b"{}").status == 200
        assert not (other.dir / "admin.password").exists()
        assert "pass wörd" not in other.output()
        line = next(
            line for line in other.output().splitlines() if line.strip().startswith("curl ")
        )
        command = ["sh", "-c", line + " -s -w '%{http_code}'"]
        done = subprocess.run(
            command, env=other.env, capture_output=True, text=True, timeout=30, check=True
        )
        assert done.stdout.endswith("200")
    finally:
        other.stop()
    other.env[VARIABLE] = "another word"
    other.start()
    try:
        assert other.http("/hansa/api/admin.server.status", b"{}").status == 200
        assert (
            other.http("/hansa/api/admin.server.status", b"{}", password="pass wörd").status == 401
        )
    finally:
        other.stop()
