"""The ODB on a database server: what the README shows, a driver that is missing, a writer in the
way, a URL nobody opens.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hansa import Invalid, OtherWriter
from hansa.odb import engine as odb
from hansa.odb.database import Database
from hansa.odb.migrations.schema import create_schema
from hansa_devkit.servers_sql import MariaDB, PostgreSQL
from hansa_odb.servers import open_server
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

README = (Path(__file__).parents[1] / "README.md").read_text()
SERVERS = {"postgresql": PostgreSQL, "mysql": MariaDB}


def test_the_example_of_the_readme(real_server: Callable[..., Any]):
    [block] = re.findall(r"<!-- file: config.toml -->\n```toml\n(.*?)```", README, re.S)
    shown, real = (
        make_url(tomllib.loads(block)["odb"]["url"]),
        make_url(real_server(PostgreSQL).database()),
    )
    url = shown.set(
        username=real.username, password=real.password, port=real.port, database=real.database
    )
    engine = odb.open_engine(url.render_as_string(hide_password=False))
    create_schema(engine)
    assert Database(engine).log_action("plugin", "x", "reload") == 1
    engine.dispose()


@pytest.mark.parametrize("name", SERVERS)
def test_who_waits_for_another_writer_is_told_in_time(real_server: Callable[..., Any], name: str):
    url = real_server(SERVERS[name]).database()
    engine = open_server(url, 2.0, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE one (id INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO one VALUES (1)"))
    with engine.begin() as first, engine.connect() as second:
        first.execute(text("UPDATE one SET id = 2"))
        with pytest.raises(OtherWriter, match="another writer is in the way"):
            second.execute(text("UPDATE one SET id = 3"))
        second.rollback()
        assert second.execute(text("SELECT id FROM one")).scalar() == 1, (
            "the connection is as good as before"
        )


def test_a_database_that_nothing_opens():
    with pytest.raises(Invalid) as caught:
        odb.open_engine("oracle://u:secret@127.0.0.1:1/d")
    assert "'oracle' is installed" in caught.value.errors["odb.url"] and "secret" not in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("postgresql+psycopg://u:secret@127.0.0.1:1/d", "psycopg", "postgresql"),
        ("postgresql://u:secret@127.0.0.1:1/d", "psycopg", "postgresql"),
        ("mysql://u:secret@127.0.0.1:1/d", "pymysql", "mysql"),
        ("mariadb+pymysql://u:secret@127.0.0.1:1/d", "pymysql", "mysql"),
    ],
)
def test_a_missing_driver_is_named_with_what_installs_it(
    url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(Invalid) as caught:
        odb.open_engine(url)
    assert caught.value.errors == {
        "odb.url": f"{package} is not installed: pip install 'hansa[{extra}]'"
    }
