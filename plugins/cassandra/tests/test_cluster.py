"""A cluster of two nodes, and a node that is killed and started again under load."""

from __future__ import annotations

import threading
import time

import pytest
from hansa import HansaError, load
from hansa_cassandra.outgoing import CassandraOutgoing
from hansa_cassandra.settings import CassandraSettings
from hansa_devkit import LocalServer
from hansa_devkit.background import in_background
from hansa_devkit.harness.waiting import wait_until

from plugins.cassandra.tests.servers import CassandraStandIn
from plugins.cassandra.tests.tour import STATEMENTS


class Second(CassandraStandIn):
    """A node at another address, with the port and the password of the first."""

    address = "127.0.0.2"
    more = ("--peer", "127.0.0.1")


def made(settings, server):
    found = load(CassandraSettings, {**settings, "statements": STATEMENTS})
    shop = CassandraOutgoing("shop", found, server)
    shop.start()
    return shop


@pytest.mark.evidence("kills")
def test_a_node_that_is_gone_fails_no_read_while_another_is_there():
    first = CassandraStandIn()
    first.more = ("--peer", "127.0.0.2")
    second = Second()
    second.ports, second.password = first.ports, first.password
    server = LocalServer()
    with first, second:
        shop = made(first.settings, server)
        try:
            wait_until(lambda: "2 of 2 nodes up" in shop.ping(), 30, shop.ping)
            first.kill()
            for number in range(50):
                assert shop.one("order", id=number) is None
            wait_until(lambda: "1 of 2 nodes up" in shop.ping(), 30, shop.ping)
            first.start()
            wait_until(lambda: "2 of 2 nodes up" in shop.ping(), 60, shop.ping)
            assert not server.losses
            second.kill()
            first.kill()
            wait_until(lambda: shop in server.losses, 30)
        finally:
            shop.stop()


@pytest.mark.evidence("kills")
def test_what_was_acknowledged_is_there_after_kills_under_load():
    server = LocalServer()
    done: set[int] = set()
    with CassandraStandIn() as node:
        current = [made(node.settings, server)]
        ended = threading.Event()

        def write(first: int) -> None:
            number = first
            while not ended.is_set():
                try:
                    current[0].execute("add order", id=number, customer="Ada", amount=None)
                except HansaError:
                    time.sleep(0.01)
                    continue
                done.add(number)
                number += 4

        writers = [in_background(write, number) for number in range(4)]
        try:
            for _ in range(2):
                wait_for_more(done)
                node.kill()
                wait_until(lambda: current[0] in server.losses, 30)
                node.start()
                old = current[0]
                current[0] = made(node.settings, server)
                old.stop()
            wait_for_more(done)
        finally:
            ended.set()
            for writer in writers:
                writer.result(60)
        there = {row["id"] for row in current[0].rows("all orders")}
        current[0].stop()
    assert done <= there and len(done) > 100


def wait_for_more(done: set[int]) -> None:
    goal = len(done) + 100
    wait_until(lambda: len(done) >= goal, 60)
