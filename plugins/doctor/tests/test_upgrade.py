"""`hansa upgrade --check`: what becomes of an ODB of each age, and what keeps servers from starting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hansa import Invalid, write_odb
from hansa.odb import tables
from hansa.odb.engine import open_engine
from hansa.odb.migrations.__main__ import upgrade as migrate
from hansa_doctor import upgrade
from sqlalchemy import text

from plugins.doctor.tests.conftest import Run


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """The folder of a server with an ODB of today."""
    (tmp_path / "config.toml").write_text('[server]\ndir = "."\n')
    url = f"sqlite:///{tmp_path / 'odb.sqlite'}"
    write_odb(url, tables.SCHEMA_VERSION, [("cluster", {"id": 1, "revision": 12})])
    return tmp_path


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """All plugins can be loaded."""
    monkeypatch.setattr(upgrade, "check_plugins", lambda config, folder: None)


def test_what_is_installed_is_tried(server: Path, run: Run):
    found = run("upgrade", server, "--check", "--json")
    answer = json.loads(found.stdout)
    assert found.exit_code == 0 and answer["can"], found.output
    assert {one["level"] for one in answer["results"]} == {"ok"}
    assert f"stays {tables.SCHEMA_VERSION}, at revision 12" in found.stdout


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_older_odb_will_be_upgraded(server: Path, run: Run, fit: None):
    (server / "odb.sqlite").unlink()
    url = f"sqlite:///{server / 'odb.sqlite'}"
    migrate(url, "0005")
    before = (server / "odb.sqlite").read_bytes()
    found = run("upgrade", server, "--check")
    assert found.exit_code == 0
    assert f"from 0005 to {tables.SCHEMA_VERSION}" in found.output
    assert "hansa backup create" in found.output and "It can be upgraded." in found.output
    assert (server / "odb.sqlite").read_bytes() == before


def test_a_newer_odb_is_no_upgrade(server: Path, run: Run, fit: None):
    engine = open_engine(f"sqlite:///{server / 'odb.sqlite'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    found = run("upgrade", server, "--check")
    assert found.exit_code == 1
    assert "schema 9999 of a newer Hansa" in found.output
    assert "It cannot be upgraded as it is." in found.output


def test_what_cannot_start_is_said(server: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    def refuse(config: Path, folder: Path) -> None:
        raise Invalid({"plugin odd": "it needs hansa>=9", "http.threads": "must be at least 1"})

    monkeypatch.setattr(upgrade, "check_plugins", refuse)
    found = run("upgrade", server, "--check", "--json")
    assert found.exit_code == 1
    faults = [one["text"] for one in json.loads(found.stdout)["results"] if one["level"] == "fault"]
    assert faults == ["plugin odd: it needs hansa>=9", "http.threads: must be at least 1"]


def test_an_upgrade_is_a_restart(server: Path, run: Run):
    found = run("upgrade", server)
    assert found.exit_code == 2 and "hansa cluster restart" in found.output
