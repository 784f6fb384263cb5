"""What tests/core proves of the store on SQLite holds on PostgreSQL and MariaDB: the same tests,
run there.
"""

from __future__ import annotations

import pytest
from hansa.odb import tables as odb
from hansa.odb.engine import open_engine
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.core.definitions import test_store as core
from tests.core.definitions.test_store import *  # noqa: F403 (whatever tests it has)
from tests.core.stores import Stores
from tests.odb.conftest import SERVERS

del TestStoreAndModel  # noqa: F821 (that of SQLite, among what was imported)


@pytest.mark.parametrize("database", SERVERS)
def test_the_store_does_what_its_model_does(database: str, schema_url: str):
    engine = open_engine(schema_url)

    class Machine(core.StoreAndModel):
        """The same, over an emptied database."""

        def __init__(self) -> None:
            super().__init__()
            self.engine.dispose()
            self.engine, self.store = engine, Stores.over(engine)
            with engine.begin() as connection:
                for table in odb.metadata.tables.values():
                    connection.execute(table.delete())
                connection.execute(odb.cluster.insert().values(id=1, revision=0))

    run_state_machine_as_test(
        Machine, settings=settings(max_examples=10, stateful_step_count=20, deadline=None)
    )
    engine.dispose()
