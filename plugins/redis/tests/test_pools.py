"""Pools: what was given back is handed out again as long as it can be used, and waited for."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from hansa_redis.client import Client, open_client
from hansa_redis.pools import Pool

from plugins.redis.tests.support import close_last


@pytest.fixture
def client(address: str) -> Client:
    return open_client(address, "the cache", timeout=3.0, max_connections=1)


@pytest.fixture
def pool(client: Client) -> Pool:
    found = client.connection_pool
    assert isinstance(found, Pool)
    return found


def test_a_connection_that_redis_has_closed_is_connected_anew(client: Client, pool: Pool):
    mine = client.client_id()
    assert client.client_id() == mine, "the same connection"
    close_last(pool)
    assert client.client_id() != mine
    assert client.ping()


def test_one_on_which_something_was_left_is_connected_anew(client: Client, pool: Pool):
    mine = client.client_id()
    connection: Any = pool.get_connection()
    connection.send_command("PING")
    assert connection.can_read(timeout=5)
    pool.release(connection)
    assert client.echo(b"mine") == b"mine"
    assert client.client_id() != mine


def test_a_call_waits_for_the_last_connection(client: Client, pool: Pool):
    connection: Any = pool.get_connection()
    answers: list[object] = []
    waiting = threading.Thread(target=lambda: answers.append(client.echo(b"a")))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    pool.release(connection)
    waiting.join(2)
    assert answers == [b"a"]


def test_a_process_that_was_forked_has_connections_of_its_own(client: Client):
    mine = client.client_id()
    child = os.fork()
    if child == 0:
        os._exit(0 if client.client_id() != mine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.client_id() == mine
