"""The three databases: every test of this folder that asks for `url`, `open_store` or `store` runs
on the real server of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hansa.odb import tables as odb
from hansa.odb.engine import open_engine
from hansa.odb.migrations.schema import create_schema
from hansa_devkit.servers_sql import MariaDB, PostgreSQL
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from tests.core.stores import Stores

SERVERS = {"postgresql": PostgreSQL, "mariadb": MariaDB}
_made: dict[type, str] = {}


@pytest.fixture(params=["sqlite", *SERVERS])
def database(request: pytest.FixtureRequest) -> str:
    """The name of a database."""
    return str(request.param)


@pytest.fixture
def url(database: str, tmp_path: Path, real_server: Callable[..., Any]) -> str:
    """The URL of a new, empty database."""
    if database in SERVERS:
        return str(real_server(SERVERS[database]).database())
    return f"sqlite:///{tmp_path / 'odb.sqlite'}"


def emptied(server: Any, port: int = 0) -> str:
    """The URL of a database with an empty schema, which tests use one after the other, since making
    one takes a second.
    """
    made = _made.get(type(server))
    if made is None:
        made = _made[type(server)] = server.database()
    engine = open_engine(made)
    create_schema(engine)
    with engine.begin() as connection:
        for table in odb.metadata.tables.values():
            connection.execute(table.delete())
        connection.execute(odb.cluster.insert().values(id=1, revision=0))
    engine.dispose()
    return str(server.url(make_url(made).database, port))


@pytest.fixture
def schema_url(database: str, tmp_path: Path, real_server: Callable[..., Any]) -> str:
    """The URL of a database with an empty schema."""
    if database in SERVERS:
        return emptied(real_server(SERVERS[database]))
    url = f"sqlite:///{tmp_path / 'schema.sqlite'}"
    create_schema(open_engine(url))
    return url


@pytest.fixture
def open_store(schema_url: str) -> Iterator[Callable[[], Stores]]:
    """Open the store over the database, with connections of its own, as another process would."""
    made: list[Stores] = []

    def make() -> Stores:
        made.append(Stores.over(open_engine(schema_url)))
        return made[-1]

    yield make
    for store in made:
        store.engine.dispose()


@pytest.fixture
def store(open_store: Callable[[], Stores]) -> Stores:
    """A store over an empty schema."""
    return open_store()


def taken_connections(store: Stores) -> int:
    """How many connections of the store's pool are in use."""
    pool = store.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()
