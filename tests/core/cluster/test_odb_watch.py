"""What a running server, and the check of its configuration, find wrong with its ODB and its key."""

from __future__ import annotations

import base64
import logging
import os
from pathlib import Path

import pytest
from hansa import Invalid, Unavailable, check_odb
from hansa.cluster.odb_watch import OdbWatch
from hansa.odb import tables
from hansa.odb.database import Database
from hansa.odb.engine import open_engine
from hansa.odb.identity import open_own
from hansa.odb.key_check import adopt_keys
from hansa.odb.key_file import KeyFile
from hansa.odb.key_rotation import rotate
from hansa.odb.keys import Keys, load_keys
from sqlalchemy import text, update


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text("")
    return tmp_path


def start(folder: Path) -> tuple[Database, Keys]:
    """What a worker does with its ODB when it starts."""
    keys = load_keys(folder, None)
    engine = open_engine(f"sqlite:///{folder / 'odb.sqlite'}")
    open_own(engine, folder)
    database = Database(engine)
    adopt_keys(database, keys)
    return database, keys


def test_a_file_that_is_deleted_or_exchanged(folder: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    database, keys = start(folder)
    watch = OdbWatch(database, folder, keys)
    file = folder / "odb.sqlite"
    assert watch.fault() == ""
    file.rename(folder / "away")
    for _ in range(2):
        assert watch.fault() == f"the operational database is missing: the file {file} is gone"
    assert not file.exists()
    (folder / "away").rename(file)
    assert watch.fault() == ""
    with database.engine.begin() as connection:
        connection.execute(update(tables.cluster).values(identity="f" * 32))
    assert "another than the one this server has used" in watch.fault()
    told = [record.getMessage() for record in caplog.records if record.name == "hansa.server"]
    assert [line.partition(":")[0] for line in told] == [
        "not ready",
        "the ODB is there again",
        "not ready",
    ]


def test_another_key_of_the_cluster(folder: Path):
    database, keys = start(folder)
    watch = OdbWatch(database, folder, keys)
    with database.engine.begin() as connection:
        connection.execute(update(tables.cluster).values(key_check="f" * 64))
    assert "the secret key is not the one of this cluster" in watch.fault()


def test_a_running_server_goes_over_to_another_of_its_keys(folder: Path):
    database, keys = start(folder)
    watch = OdbWatch(database, folder, keys)
    file = KeyFile(folder / "secret.key")
    new = KeyFile.new_key()
    file.announce(new, keys.fingerprint)
    assert watch.fault() == ""
    assert len(keys.fingerprints) == 2
    rotate(database, Keys(f"{new},{file.read()[1]}"), KeyFile.fingerprint_of(new))
    assert watch.fault() == ""
    assert keys.fingerprint == KeyFile.fingerprint_of(new)


def test_an_odb_that_does_not_answer_is_nothing_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    database, keys = start(folder)
    watch = OdbWatch(database, folder, keys)

    def silent(query: object) -> None:
        raise Unavailable("the ODB does not answer at the moment")

    assert watch.fault() == "" and watch.revision == database.revision() == 0
    database.log_action("plugin", "x", "reload")
    assert watch.fault() == "" and watch.revision == 1
    monkeypatch.setattr(database, "rows", silent)
    assert watch.fault() == "" and watch.revision is None


def test_check_odb_accepts_an_odb_that_the_next_start_upgrades(folder: Path):
    database, _ = start(folder)
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE cluster DROP COLUMN key_check"))
    check_odb(folder / "config.toml", folder)
    (folder / "secret.key").unlink()
    with pytest.raises(Invalid, match="is missing"):
        check_odb(folder / "config.toml", folder)


def test_check_odb_finds_a_lost_key_and_changes_nothing(folder: Path):
    config = folder / "config.toml"
    check_odb(config, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["config.toml"]
    start(folder)
    check_odb(config, folder)
    file = folder / "secret.key"
    kept = file.read_text()
    file.unlink()
    with pytest.raises(Invalid, match="is missing"):
        check_odb(config, folder)
    assert not file.exists()
    file.write_text(base64.urlsafe_b64encode(os.urandom(32)).decode())
    with pytest.raises(Invalid, match="not the one of this cluster"):
        check_odb(config, folder)
    file.write_text(kept)
    (folder / "odb.sqlite").unlink()
    file.unlink()
    with pytest.raises(Invalid) as caught:
        check_odb(config, folder)
    assert set(caught.value.errors) == {"server.secret_key", "odb.url"}
