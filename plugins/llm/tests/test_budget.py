"""A budget in a real Valkey is that of all workers, and an outage of it ends no call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from hansa_devkit import LocalServer
from hansa_devkit.servers_redis import Valkey
from hansa_llm import BudgetSpent
from hansa_llm.budget import Budget


@pytest.fixture
def client(real_server):
    made = redis.Redis.from_url(real_server(Valkey).address, decode_responses=True)
    made.flushall()
    yield made
    made.close()


def budget(client, limit=1000, period=10**6):
    return Budget(LocalServer(redis=client), "m", limit, period)


def test_all_workers_share_it(client):
    workers = [budget(client) for _ in range(4)]

    def take(number):
        try:
            workers[number % 4].reserve(7)
        except BudgetSpent:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(400))) == 1000 // 7
    assert workers[0].spent() == workers[3].spent() == 1000 // 7 * 7
    [key] = client.keys("*llm*")
    assert 0 < client.ttl(key) <= 2 * 10**6


def test_what_was_not_used_is_given_back_and_what_was_used_besides_counts(client):
    one, other = budget(client), budget(client)
    reserved = one.reserve(900)
    with pytest.raises(BudgetSpent):
        other.reserve(101)
    one.settle(reserved, 50)
    other.settle(other.reserve(10), 1200)
    assert one.spent() == 1250
    with pytest.raises(BudgetSpent):
        one.reserve(1)


def test_each_worker_counts_for_itself_without_redis(client):
    broken = redis.Redis(port=1, socket_timeout=0.2)
    for given in (None, broken):
        found = Budget(LocalServer(redis=given), "m", 100, 10**6)
        found.settle(found.reserve(60), 60)
        with pytest.raises(BudgetSpent):
            found.reserve(60)
        assert found.spent() == 60


def test_an_outage_of_redis_between_reservation_and_use_enlarges_no_budget(client):
    found = budget(client, 1000)
    redis_of_it = found._server.bus.redis
    reserved = found.reserve(900)
    found._server.bus.redis = redis.Redis(port=1, socket_timeout=0.2)
    found.settle(reserved, 50)
    with pytest.raises(BudgetSpent):
        found.reserve(1001)
    here = found.reserve(600)
    found._server.bus.redis = redis_of_it
    found._ask_at = 0.0
    found.settle(here, 10)
    assert found.spent() == 900
