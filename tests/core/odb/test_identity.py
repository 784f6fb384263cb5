"""A server finds the ODB that it has used, or does not start."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from hansa import Invalid, Unavailable
from hansa.odb.database import Database
from hansa.odb.engine import open_engine, unwritable_cause
from hansa.odb.identity import NOTE, identity, open_own
from sqlalchemy import Engine, event


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "server"
    made.mkdir()
    return made


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_engine(f"sqlite:///{tmp_path / 'odb.sqlite'}")


def test_the_first_start_makes_it_and_later_ones_find_it(engine: Engine, folder: Path):
    open_own(engine, folder)
    noted = (folder / NOTE).read_text().strip()
    assert noted == identity(engine)
    assert len(noted) == 32
    open_own(engine, folder)
    assert (folder / NOTE).read_text().strip() == noted


def test_another_server_of_the_cluster_takes_the_same(engine: Engine, folder: Path):
    open_own(engine, folder)
    other = folder.with_name("other")
    other.mkdir()
    open_own(engine, other)
    assert (other / NOTE).read_text() == (folder / NOTE).read_text()


@pytest.mark.parametrize("left", [None, b""], ids=["missing", "empty"])
def test_one_that_is_missing_stops_the_start_and_is_not_made(
    engine: Engine, folder: Path, tmp_path: Path, left: bytes | None
):
    open_own(engine, folder)
    engine.dispose()
    file = tmp_path / "odb.sqlite"
    file.unlink()
    if left is not None:
        file.write_bytes(left)
    with pytest.raises(Invalid) as caught:
        open_own(engine, folder)
    fault = caught.value.errors["odb.url"]
    assert "is missing" in fault
    assert "restore it from a backup" in fault
    assert f"remove {folder / NOTE}" in fault
    assert file.exists() == (left is not None)
    (folder / NOTE).unlink()
    open_own(engine, folder)
    assert (folder / NOTE).read_text().strip() == identity(engine)


def test_another_one_stops_the_start(engine: Engine, folder: Path, tmp_path: Path):
    open_own(engine, folder)
    other = open_engine(f"sqlite:///{tmp_path / 'other.sqlite'}")
    other_folder = folder.with_name("other")
    other_folder.mkdir()
    open_own(other, other_folder)
    with pytest.raises(Invalid, match="is another than the one this server has used"):
        open_own(other, folder)


def test_a_server_that_runs_makes_no_new_file_and_acknowledges_nothing(
    engine: Engine, folder: Path, tmp_path: Path
):
    open_own(engine, folder)
    database = Database(engine)
    assert database.log_action("plugin", "p", "block") == 1
    file = tmp_path / "odb.sqlite"
    backup = tmp_path / "backup"
    file.rename(backup)
    for _ in range(2):
        with pytest.raises(Unavailable):
            database.log_action("plugin", "p", "unblock")
        with pytest.raises(Unavailable):
            database.revision()
    assert not file.exists()
    backup.rename(file)
    assert database.revision() == 1


def test_a_full_disk_is_named_to_administrators_alone(
    engine: Engine, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    open_own(engine, folder)
    engine.dispose()
    # no page more than there are, as where no space is left
    event.listen(
        engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count=1")
    )
    with pytest.raises(Unavailable) as caught:
        Database(engine).log_action("plugin", "p" * 1_000_000, "block")
    assert caught.value.detail == "the ODB does not answer at the moment"
    full = f"database or disk is full: no space is left for {tmp_path / 'odb.sqlite'}"
    assert full in caught.value.explanation
    assert full in caplog.text


@pytest.mark.parametrize(
    ("name", "flags", "free", "cause"),
    [
        ("SQLITE_FULL", 0, 10, "no space is left for "),
        ("SQLITE_IOERR_WRITE", 0, 0, "no space is left for "),
        ("SQLITE_IOERR_WRITE", 0, 10, ""),
        ("SQLITE_READONLY", os.ST_RDONLY, 10, "is read-only"),
        ("SQLITE_CANTOPEN", os.ST_RDONLY, 10, "is read-only"),
        ("SQLITE_BUSY", os.ST_RDONLY, 0, ""),
        ("", 0, 0, ""),
    ],
)
def test_why_a_file_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, flags: int, free: int, cause: str
):
    file = tmp_path / "odb.sqlite"
    file.touch()
    system = SimpleNamespace(f_flag=flags, f_bavail=free, f_frsize=2**20)
    monkeypatch.setattr(os, "statvfs", lambda _: system)
    found = unwritable_cause(file, name)
    assert cause in found
    assert bool(found) == bool(cause)
