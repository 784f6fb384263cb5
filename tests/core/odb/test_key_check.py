"""A server with another key than its cluster's does not start, and its ODB knows by which."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from hansa import Invalid
from hansa.odb import tables
from hansa.odb.database import Database
from hansa.odb.engine import open_engine
from hansa.odb.key_check import adopt_keys, check_keys, stored_fingerprint
from hansa.odb.keys import Keys
from hansa.odb.migrations.schema import create_schema
from sqlalchemy import update


def new_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


OLD, NEW = new_key(), new_key()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    engine = open_engine(f"sqlite:///{tmp_path / 'odb.sqlite'}")
    create_schema(engine)
    return Database(engine)


def store_secret(database: Database, keys: Keys) -> None:
    data = json.dumps({"a": [{"password": keys.encrypt("x")}]})
    with database.transaction() as transaction:
        transaction.add_of(("k", "t", "n"), tables.definition, data=data, revision=1)


def set_fingerprint(database: Database, found: str | None) -> None:
    with database.engine.begin() as connection:
        connection.execute(update(tables.cluster).values(key_check=found))


def test_the_first_servers_key_is_the_clusters(database: Database):
    adopt_keys(database, Keys(OLD))
    assert database.revision() == 0
    adopt_keys(database, Keys(OLD))
    for use in (check_keys, adopt_keys):
        with pytest.raises(Invalid) as caught:
            use(database, Keys(NEW))
        assert "not the one of this cluster" in caught.value.errors["server.secret_key"]
    stored = stored_fingerprint(database)
    assert stored is not None and OLD not in stored and len(stored) == 64


def test_keys_rotate_while_servers_have_the_new_one_or_not_yet(database: Database):
    adopt_keys(database, Keys(OLD))
    adopt_keys(database, Keys(f"{NEW},{OLD}"))
    check_keys(database, Keys(OLD))
    check_keys(database, Keys(f"{OLD},{NEW}"))
    with pytest.raises(Invalid):
        check_keys(database, Keys(NEW))


def test_an_older_odb_is_known_by_its_secrets(database: Database):
    store_secret(database, Keys(OLD))
    for use in (check_keys, adopt_keys):
        with pytest.raises(Invalid):
            use(database, Keys(NEW))
    assert stored_fingerprint(database) is None
    adopt_keys(database, Keys(OLD))
    assert stored_fingerprint(database) == Keys(OLD).fingerprint


def test_an_administrator_who_lost_it_can_go_on(database: Database):
    store_secret(database, Keys(OLD))
    adopt_keys(database, Keys(OLD))
    set_fingerprint(database, "")
    adopt_keys(database, Keys(NEW))
    assert stored_fingerprint(database) == Keys(NEW).fingerprint
