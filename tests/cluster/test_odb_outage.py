"""R16: the ODB goes away, hangs, is cut off or is full of connections; requests go on, admin calls
are told, all is well soon.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from hansa_devkit.harness.waiting import wait_until
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.cluster.accounting import Account
from tests.cluster.dependent import PAIRS, dependent, dependent_clusters
from tests.cluster.running import sized, within

__all__ = ["dependent", "dependent_clusters"]
TOLD = 5.0  # seconds until an admin call is refused
BACK = 5.0  # seconds until changes work again
SOURCE = (
    "from hansa import Service\n\nclass Other(Service):\n    def handle(self):\n        return 1\n"
)
CALLS = ("admin.channel.http.list", "admin.channel.http.edit", "admin.service.deploy")


def refused(cluster, *also: int) -> tuple[list[float], bool]:
    """Make admin calls that need the ODB, at once; each must be answered by 503, or as is said.

    Gives the seconds that each took, and whether one was refused.
    """
    settings = {
        "admin.channel.http.edit": {"name": "accept", "url_path": "/accept"},
        "admin.service.deploy": {"file": "other.py", "source": SOURCE},
    }

    def call(service: str) -> tuple[float, bool]:
        began = time.monotonic()
        answer = cluster.api(service, **settings.get(service, {}))
        took = time.monotonic() - began
        assert answer.status_code in (503, *also), f"{service}: {answer.status_code} {answer.text}"
        assert answer.ok or "Retry-After" in answer.headers
        assert "psycopg" not in answer.text and "pymysql" not in answer.text
        return took, not answer.ok

    with ThreadPoolExecutor(len(CALLS)) as pool:
        told, were_refused = zip(*pool.map(call, CALLS), strict=True)
    return list(told), any(were_refused)


@contextmanager
def no_connections(cluster):
    """Take every connection that the server has and, once those of the cluster were ended, each
    that it gives back.
    """
    engine, ended = create_engine(cluster.odb.url(), poolclass=NullPool), threading.Event()
    with ExitStack() as taken:

        def take() -> bool:
            try:
                taken.enter_context(engine.connect())
            except DBAPIError:
                return False
            return True

        def take_all() -> None:
            while not ended.is_set():
                take()

        wait_until(lambda: not take(), 20, "all connections are taken")
        taking = threading.Thread(target=take_all)
        taking.start()
        try:
            cluster.odb_ways("reset")
            cluster.odb_ways("pass")
            ended.wait(1)
            yield
        finally:
            ended.set()
            taking.join()


@contextmanager
def outage(cluster, fault: str):
    """The fault, as long as the block lasts."""
    if fault == "max_connections":
        with no_connections(cluster):
            yield
        return
    server = cluster.odb
    begin = {"stopped": server.stop, "killed": server.kill, "paused": server.pause}
    begin.get(fault, lambda: cluster.odb_ways(fault))()
    try:
        yield
    finally:
        cluster.heal()


FAULTS = ["stopped", "killed", "paused", "drop", "max_connections"]
SMALL = [("postgresql-redis", fault) for fault in ("killed", "drop", "max_connections")]
FULL = [(pair, fault) for pair in PAIRS for fault in [*FAULTS, "reset", "refuse"]]


@pytest.mark.parametrize(("dependent", "fault"), sized(SMALL, FULL), indirect=["dependent"])
def test_an_outage_of_the_odb(dependent, fault, figure):
    lasts, account, queued = sized(1.0, 60.0 if fault == "stopped" else 8.0), Account(), Account()
    log = f"odb-{fault}"
    sync = dependent.clients("/record", account, clients=4, pause=0.02, log=log)
    accept = dependent.clients(
        "/accept", queued, clients=2, batch=2, pause=0.05, log=f"{log}-async", options={}
    )
    with sync, accept:
        wait_until(lambda: len(account.acknowledged) > 10, 20, "requests are answered")
        with outage(dependent, fault):
            began = time.monotonic()
            # a worker that was quicker than we are has a connection, with which all goes well
            also = [200] if fault == "max_connections" else []
            told, some = refused(dependent, *also)
            while time.monotonic() < began + lasts or not some:
                more, now = refused(dependent, *also)
                told, some = told + more, some or now
                assert time.monotonic() < began + lasts + 60, "nothing is refused"
        ended = time.monotonic()
        wait_until(dependent.works, 30, "changes work again")
        back = time.monotonic() - ended
        with ThreadPoolExecutor(
            20
        ) as pool:  # more than the connections of a pool: none of them is lost
            answers = list(
                pool.map(lambda _: dependent.api("admin.channel.http.list").status_code, range(60))
            )
    dependent.settled()
    result, calls = (
        account.result(dependent.receipts(log).numbers()),
        queued.result(dependent.receipts(f"{log}-async").numbers()),
    )
    print(
        f"{dependent.type} {fault}: told within {max(told):.1f} s, back after "
        f"{back:.1f} s; {result}; queued: {calls}"
    )
    figure(
        "R16",
        faults=1,
        failed=len(sync.faults + accept.faults),
        told_max=round(max(told), 1),
        back_max=round(back, 1),
        requests=len(account.attempted),
        lost=len(result.lost) + len(calls.lost),
    )
    assert not sync.faults and not sync.refusals, (sync.faults + sync.refusals)[:3]
    assert not accept.faults and not accept.refusals, (accept.faults + accept.refusals)[:3]
    assert within(told, TOLD)
    assert within([back], BACK)
    assert set(answers) == {200}
    for found in (result, calls):
        assert not found.lost and not found.unexpected and not found.duplicates


@pytest.mark.parametrize("dependent", sized(["postgresql-redis"], list(PAIRS)), indirect=True)
def test_a_worker_that_dies_meanwhile_comes_back_with_the_odb(dependent):
    account = Account()
    with dependent.clients("/record", account, clients=4, pause=0.02, log="odb-dies") as clients:
        with outage(dependent, "killed"):
            victim = dependent.kill_worker()
            seen = len(account.acknowledged)
            wait_until(lambda: len(account.acknowledged) > seen + 100, 20, "the others go on")
        began = time.monotonic()
        dependent.whole()
        back = time.monotonic() - began
    print(f"worker {victim.pid} replaced {back:.1f} s after the ODB came back")
    # its own requests are cut, or sent again by the load-balancer when nothing was answered yet
    assert len(clients.faults) <= 4
    assert back < sized(40, 15)
