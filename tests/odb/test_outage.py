"""A database that goes away, hangs or is full of connections: told as `Unavailable` in time, over
as soon as it is back, no leak.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Any

import pytest
from hansa import Unavailable
from hansa.contract.records import DefinitionRecord
from hansa.odb import engine as odb
from hansa.odb.engine import open_engine
from hansa.odb.tables import cluster
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers_sql import SqlServer
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tests.core.definitions.test_store import define
from tests.core.stores import Stores
from tests.odb.conftest import SERVERS, emptied, taken_connections

LIMIT = 5.0  # seconds until an answer, and until all is well again


@pytest.fixture(params=SERVERS)
def reached(
    request: pytest.FixtureRequest, real_server: Callable[..., Any]
) -> Iterator[tuple[SqlServer, Proxy, Stores]]:
    """A server, a proxy before it, and a store that goes through the proxy."""
    server = real_server(SERVERS[request.param])
    with Proxy(server.port) as proxy:
        store = Stores.over(open_engine(emptied(server, proxy.port)))
        yield server, proxy, store
        server.resume()
        if not server.processes():
            server.start()
        store.engine.dispose()


def tell(store: Stores) -> float:
    """Read and write at once, each of which must be refused in time; the longest that one took."""

    def use(call: Callable[[], Any]) -> float:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="does not answer"):
            call()
        return time.monotonic() - began

    calls = [
        store.database.revision,
        lambda: store.reports.report("w", "s", 1),
        lambda: store.database.log_action("plugin", "x", "y"),
    ]
    with ThreadPoolExecutor(len(calls)) as pool:
        return max(pool.map(use, calls))


def works(store: Stores) -> bool:
    """Whether reading and writing works."""
    try:
        return store.database.log_action("plugin", "x", "y") == store.database.revision()
    except Unavailable:
        return False


@pytest.mark.proof
@pytest.mark.parametrize("fault", ["stopped", "killed", "paused", "drop", "reset", "refuse"])
def test_an_outage_is_told_in_time_and_over_when_it_is_over(
    reached: tuple[SqlServer, Proxy, Stores], fault: str
):
    server, proxy, store = reached
    with ThreadPoolExecutor(4) as pool:  # several open connections, which are all dead afterwards
        assert (
            len(list(pool.map(lambda _: store.database.log_action("plugin", "x", "y"), range(8))))
            == 8
        )
    before = store.database.revision()
    hurt = {"stopped": server.stop, "killed": server.kill, "paused": server.pause}
    heal = {"stopped": server.start, "killed": server.start, "paused": server.resume}
    hurt.get(fault, lambda: setattr(proxy, "mode", fault))()
    assert tell(store) < LIMIT
    assert taken_connections(store) == 0
    heal.get(fault, lambda: setattr(proxy, "mode", "pass"))()
    began = time.monotonic()
    wait_until(lambda: works(store), LIMIT, "the store works again")
    assert time.monotonic() - began < LIMIT
    assert taken_connections(store) == 0
    # what was refused may yet have been committed: the answer was lost, not the question
    assert before < store.database.revision() <= before + 8
    assert [change.revision for change in store.database.changes(0)] == list(
        range(1, store.database.revision() + 1)
    )


@pytest.mark.proof
def test_a_server_without_free_connections_is_told_and_nothing_leaks(
    reached: tuple[SqlServer, Proxy, Stores],
):
    server, _, store = reached
    store.engine.dispose()
    idle = create_engine(server.url(), poolclass=NullPool)
    with ExitStack() as taken:
        wait_until(lambda: not _connect(taken, idle), 20, "all connections are taken")
        assert tell(store) < LIMIT
    wait_until(lambda: works(store), LIMIT, "the store works again")
    # at most as many as the pool has connections: on a busy machine the others would wait too long
    with ThreadPoolExecutor(10) as pool:
        assert all(
            pool.map(
                lambda number: define(store, DefinitionRecord("channel", "http", str(number), {})),
                range(40),
            )
        )
    assert taken_connections(store) == 0


def _connect(taken: ExitStack, engine: Any) -> bool:
    try:
        taken.enter_context(engine.connect())
    except Exception:  # any of the errors by which a server says that it has no more
        return False
    return True


@pytest.mark.proof
def test_a_pool_without_free_connections_is_told_in_time(reached: tuple[SqlServer, Proxy, Stores]):
    _, _, store = reached
    with ExitStack() as taken:
        for _ in range(13):
            taken.enter_context(store.engine.connect())
        assert tell(store) < LIMIT
    assert works(store)


@pytest.mark.proof
def test_writers_wait_for_one_that_takes_long_and_are_told_if_it_never_ends(
    reached: tuple[SqlServer, Proxy, Stores], monkeypatch: pytest.MonkeyPatch
):
    _, _, store = reached
    other = create_engine(store.engine.url, poolclass=NullPool)
    for seconds in (odb.STATEMENT_LIMIT + 1, 60):
        with other.begin() as connection, ThreadPoolExecutor(1) as pool:
            connection.execute(cluster.update().values(revision=99))
            waiting = pool.submit(store.database.log_action, "plugin", "x", "y")
            began = time.monotonic()
            wait({waiting}, min(seconds, 30))
            assert time.monotonic() - began < 15
            assert store.database.revision() < 99, "readers are not held up"
            store.reports.report("w", "s", 1)
            connection.rollback()
        assert (waiting.exception() is None) == (seconds < 60)
        monkeypatch.setattr(odb, "PATIENCE", 2.0)
    assert isinstance(waiting.exception(), Unavailable)
    assert works(store)


def test_drivers_are_not_loaded_for_sqlite():
    code = (
        "import sys, hansa.process.worker, hansa.odb.engine as o; "
        "o.open_engine('sqlite://'); "
        "print([n for n in sys.modules if 'psyco' in n or 'mysql' in n])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("database", SERVERS)
def test_a_url_need_not_name_the_driver(schema_url: str):
    scheme, _, rest = schema_url.partition("://")
    engine = open_engine(f"{scheme.partition('+')[0]}://{rest}")
    assert Stores.over(engine).database.log_action("plugin", "x", "y") == 1
    engine.dispose()
