"""The key of secrets is replaced: everything stored is readable at each moment, by whoever has the
keys of that moment.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hansa import Conflict, Invalid, Unavailable
from hansa.cluster.cluster import Cluster
from hansa.cluster.odb_bus import OdbBus
from hansa.contract.records import Edit, HeldKeys
from hansa.definitions.edit import CheckedEdit
from hansa.definitions.store import DefinitionStore
from hansa.deployment.store import PackageStore
from hansa.odb import tables
from hansa.odb.database import Database
from hansa.odb.key_check import adopt_keys, check_keys
from hansa.odb.key_file import KeyFile
from hansa.odb.key_rotation import rotate
from hansa.odb.keys import Keys, load_keys
from sqlalchemy import select, update

from tests.core.stores import Stores

OLD, NEW = KeyFile.new_key(), KeyFile.new_key()
fingerprint_of = KeyFile.fingerprint_of
KEY = ("outgoing", "sql", "a")


def define(database: Database, keys: Keys, password: dict[str, str]) -> None:
    edit = CheckedEdit(Edit(KEY, {"password": password, "url": "x"}))
    DefinitionStore(database, keys).change([edit], lambda reference: True)


def stored_password(database: Database, keys: Keys) -> str:
    record = DefinitionStore(database, keys).get(*KEY)
    assert record is not None and record.data["url"] == "x"
    return keys.decrypt(record.data["password"]["$encrypted"])


@pytest.fixture
def database(store: Stores) -> Database:
    keys = Keys(OLD)
    adopt_keys(store.database, keys)
    define(store.database, keys, keys.encrypt("s"))
    services = {"x.py": {"X": "x"}, "forged.py": {"Y": "y"}}
    PackageStore(store.database, keys).deploy(dict.fromkeys(services, "pass"), services)
    forge = update(tables.package).where(tables.package.c.file == "forged.py")
    with store.engine.begin() as connection:
        connection.execute(forge.values(source="evil"))
    return store.database


def test_all_that_is_stored_goes_over_to_the_new_key(database: Database):
    both = Keys(f"{NEW},{OLD}")
    adopt_keys(database, both)
    assert both.fingerprint == fingerprint_of(OLD)
    rotate(database, both, fingerprint_of(NEW), by="jane")
    new = Keys(NEW)
    check_keys(database, new)
    assert stored_password(database, new) == "s"
    assert [one.file for one in PackageStore(database, new).versions()] == ["x.py"]
    (logged,) = database.rows(select(tables.change).where(tables.change.c.kind == KEY[0]))
    assert new.decrypt(json.loads(logged.data)["password"]["$encrypted"]) == "s"
    with pytest.raises(Invalid):
        check_keys(database, Keys(OLD))
    with pytest.raises(Invalid):
        stored_password(database, Keys(OLD))
    # a backup of before
    older = Keys(f"{NEW},{OLD}")
    assert older.follow(fingerprint_of(OLD))


def test_a_transaction_that_fails_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    both = Keys(f"{NEW},{OLD}")

    def fail(*arguments: object) -> None:
        raise OSError("the machine is switched off")

    monkeypatch.setattr("hansa.odb.key_rotation._sign_packages", fail)
    with pytest.raises(OSError):
        rotate(database, both, fingerprint_of(NEW))
    check_keys(database, Keys(OLD))
    assert stored_password(database, Keys(OLD)) == "s"
    assert both.fingerprint == fingerprint_of(OLD)


def test_what_was_checked_before_is_stored_under_the_key_of_now(database: Database):
    late = Keys(f"{NEW},{OLD}")
    adopt_keys(database, late)
    token = late.encrypt("t")
    rotate(database, Keys(f"{NEW},{OLD}"), fingerprint_of(NEW))
    define(database, late, token)
    assert stored_password(database, Keys(NEW)) == "t"
    PackageStore(database, late).deploy({"z.py": "pass"}, {"z.py": {"Z": "z"}})
    assert PackageStore(database, Keys(NEW)).get("z.py") is not None
    without = Keys(OLD)
    with pytest.raises(Unavailable, match="not the one of this cluster"):
        define(database, without, token)


def test_all_workers_have_it_before_it_is_used(store: Stores, database: Database):
    both = Keys(f"{NEW},{OLD}")
    cluster = Cluster("c", database, both, OdbBus(store.engine), lambda: None)
    old, new = fingerprint_of(OLD), fingerprint_of(NEW)
    store.reports.report("a/0.1", "a", 9, keys=HeldKeys([new, old], "/a/secret.key"))
    store.reports.report("b/0.1", "b", 9, keys=HeldKeys([old]))
    store.reports.report("c/0.1", "c", 9)
    with pytest.raises(Conflict, match=r"not held by b/0\.1, c/0\.1"):
        cluster.use_key(new)
    assert cluster.current_key() == old
    store.reports.forget("c/0.1")
    store.reports.report("b/0.1", "b", 9, keys=HeldKeys([new, old]))
    assert cluster.use_key(new).pending == []
    assert cluster.current_key() == new
    revision = cluster.revision()
    assert cluster.use_key(new).revision == revision


def test_a_server_goes_by_its_file_as_it_is_now(tmp_path: Path):
    file = KeyFile(tmp_path / "secret.key")
    keys = load_keys(tmp_path, None)
    old = keys.fingerprint
    token = keys.encrypt("s")["$encrypted"]
    file.announce(NEW, old)
    assert keys.fingerprints == [old]
    assert keys.follow(old) and keys.fingerprints == [fingerprint_of(NEW), old]
    assert keys.fingerprint == old
    assert keys.follow(fingerprint_of(NEW)) and keys.fingerprint == fingerprint_of(NEW)
    (kept,) = file.keep_only(fingerprint_of(NEW))
    assert keys.follow(fingerprint_of(NEW)) and keys.fingerprints == [fingerprint_of(NEW)]
    assert keys.decrypt(token) == "s", "what was read before may still be decrypted"
    assert KeyFile(kept).fingerprints() == [old]
    for path in (file.path, kept):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert file.keep_only(fingerprint_of(NEW)) == []


@pytest.mark.parametrize(
    "content",
    [None, "", "short", KeyFile.new_key()],
    ids=["missing", "empty", "too short", "another key"],
)
def test_a_file_that_is_spoiled_stops_no_running_server(
    tmp_path: Path, content: str | None, caplog: pytest.LogCaptureFixture
):
    keys = load_keys(tmp_path, None)
    file = tmp_path / "secret.key"
    file.unlink()
    if content is not None:
        file.write_text(content)
    for _ in range(2):
        assert keys.follow(keys.fingerprint)
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    with pytest.raises(Invalid):
        KeyFile(file).announce(NEW, keys.fingerprint)
