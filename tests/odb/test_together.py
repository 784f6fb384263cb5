"""Writers and followers at once on each database: revisions in the order of commits, no race, no
deadlock that anybody sees.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hansa.cluster.odb_bus import OdbBus
from hansa.contract.records import DefinitionRecord
from hansa.odb import tables as odb
from hansa_devkit.harness.waiting import wait_until
from sqlalchemy import event, select, update

from tests.core.definitions.test_store import define
from tests.core.stores import Stores
from tests.odb.conftest import SERVERS, taken_connections


def test_a_follower_never_skips_a_change_of_a_slow_writer(
    store: Stores, open_store: Callable[[], Stores]
):
    begun, go, order = threading.Event(), threading.Event(), []
    slow, fast = open_store(), open_store()

    def first() -> None:
        with slow.database.transaction() as change:
            change.log(("plugin", "", "slow"), "reload")
            change.flush()
            begun.set()
            go.wait(10)
            order.append("the slow one commits")

    def second() -> None:
        fast.database.log_action("plugin", "fast", "reload")
        order.append("the fast one has committed")

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(first)]
        assert begun.wait(10)
        done.append(pool.submit(second))
        seen: list[tuple[int, str]] = []
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            seen += [
                (change.revision, change.name)
                for change in store.database.changes(seen[-1][0] if seen else 0)
            ]
        assert not seen, "nothing is told before it is committed, and nobody overtakes"
        assert store.database.revision() == 0
        go.set()
        for future in done:
            future.result(10)
    assert order == ["the slow one commits", "the fast one has committed"]
    assert [(change.revision, change.name) for change in store.database.changes(0)] == [
        (1, "slow"),
        (2, "fast"),
    ]


def test_a_change_that_fails_leaves_no_gap(store: Stores):
    define(store, DefinitionRecord("channel", "http", "a", {}))

    def fail() -> None:
        with store.database.transaction() as change:
            change.log(("plugin", "", "x"), "reload")
            change.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    define(store, DefinitionRecord("channel", "http", "b", {}))
    assert [change.revision for change in store.database.changes(0)] == [1, 2]


def test_a_reader_sees_what_another_has_committed_at_once(
    store: Stores, open_store: Callable[[], Stores]
):
    other = open_store()
    for number in range(1, 20):
        assert other.database.log_action("plugin", "x", "reload") == number
        assert store.database.revision() == number
        assert [change.revision for change in store.database.changes(number - 1)] == [number]


def test_reports_of_one_worker_from_everywhere_do_not_collide(
    open_store: Callable[[], Stores], store: Stores
):
    """In an earlier version two first reports at once ended a server with UniqueViolation on
    applied_pkey.
    """
    stores = [open_store() for _ in range(6)]
    for one in stores:
        one.database.revision()  # connected, so that they come at once
    for turn in range(10):
        together = threading.Barrier(len(stores))

        def report(one: Stores, turn: int = turn, together: threading.Barrier = together) -> None:
            together.wait(10)
            one.reports.report("server2/0.1", "server2", turn, {})

        with ThreadPoolExecutor(len(stores)) as pool:
            list(pool.map(report, stores))
        assert {worker: found.revision for worker, found in store.reports.all().items()} == {
            "server2/0.1": turn
        }
        store.reports.forget("server2/0.1")


def test_a_lease_has_one_holder_and_tokens_that_grow(
    store: Stores, open_store: Callable[[], Stores]
):
    buses = [OdbBus(open_store().engine) for _ in range(4)]
    assert buses[0].acquire("job", "w0", 5.0) == 1

    def acquire(number: int) -> int | None:
        return buses[number].acquire("job", f"w{number}", 5.0)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(acquire, range(4))) == [1, None, None, None]
        buses[0].release("job", "w0")
        got = [token for token in pool.map(acquire, range(4)) if token is not None]
    assert len(got) == 1
    with store.engine.begin() as connection:
        expires = connection.execute(select(odb.lease.c.expires)).scalar_one()
    assert abs(expires - time.time() - 5.0) < 2, "to the second, also on MySQL"


@pytest.mark.parametrize("database", SERVERS)
def test_a_change_that_the_database_breaks_off_for_another_is_made_again(
    database: str, store: Stores, open_store: Callable[[], Stores]
):
    """A transaction from outside holds what the change needs and asks for what it holds: the
    database ends the change.
    """
    broken: list[str] = []
    event.listen(
        store.engine, "handle_error", lambda context: broken.append(str(context.original_exception))
    )
    for name in "abcdef":
        define(store, DefinitionRecord("channel", "http", name, {}))
    outside = open_store().engine
    with outside.begin() as connection, ThreadPoolExecutor(1) as pool:
        connection.execute(update(odb.definition).values(data='{"outside": 1}'))
        connection.execute(
            update(odb.change).values(by="outside")
        )  # InnoDB ends the one that has done less
        future = pool.submit(define, store, DefinitionRecord("channel", "http", "a", {"inside": 1}))
        wait_until(lambda: taken_connections(store), 5, "the change has begun")
        time.sleep(0.2)  # and holds the revision
        connection.execute(update(odb.cluster).values(revision=odb.cluster.c.revision + 1))
        connection.commit()
        assert future.result(10) == 8
    assert any("eadlock" in message for message in broken), broken
    found = {record.name: record.data for record in store.definitions.all("channel", "http")}
    assert found["a"] == {"inside": 1}
    assert found["b"] == {"outside": 1}
    assert taken_connections(store) == 0
