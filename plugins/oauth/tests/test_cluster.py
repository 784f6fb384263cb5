"""Over a real Redis, servers share tokens and nonces."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hansa_devkit import LocalServer
from hansa_oauth.oauth2 import OAuth2
from hansa_redis.bus import RedisBus
from hansa_redis.engine import Valkey
from hansa_security.throttle import Throttle

from plugins.oauth.tests import consumer
from plugins.oauth.tests.issuer import REFRESH, Issuer
from plugins.oauth.tests.test_access_token import age, make, rejected, signed
from plugins.oauth.tests.test_signature import refused
from plugins.redis.tests.support import end, launch


@pytest.fixture(scope="module")
def buses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisBus]]:
    engine = Valkey(tmp_path_factory.mktemp("redis"), durability="fast")
    process = launch(engine)
    yield [RedisBus(engine.address, "cluster") for _ in range(2)]
    end(process)
    engine.close()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.stop()


def server(bus: RedisBus, name: str) -> LocalServer:
    return LocalServer(bus=bus, resources=[Throttle()], name=name, id=f"{name}/0.1")


def test_a_request_is_refused_at_the_other_server(buses: list[RedisBus]) -> None:
    one, other = (consumer.make(server(bus, "s")) for bus in buses)
    sent = consumer.header()
    assert one.authenticate(consumer.request(sent)) == consumer.KEY
    refused(other, consumer.request(sent), "used before")
    assert other.authenticate(consumer.request(consumer.header())) == consumer.KEY
    client = buses[0].redis
    lifetimes = [client.ttl(key) for key in client.scan_iter("*oauth1-nonces*")]
    assert len(lifetimes) == 2 and all(590 < seconds <= 601 for seconds in lifetimes)


def test_servers_share_one_token_and_its_refresh_token(
    buses: list[RedisBus], issuer: Issuer
) -> None:
    settings: dict[str, Any] = {"grant": "refresh_token", "refresh_token": REFRESH}
    issuer.delay = 0.1

    def workers() -> list[OAuth2]:
        return [
            make(issuer, server(bus, f"server{number}"), **settings)
            for number, bus in enumerate(buses * 2)
        ]

    found = workers()
    for worker in found:
        worker.start()
    with ThreadPoolExecutor(40) as pool:
        sent = set(pool.map(lambda number: signed(found[number % 4]), range(80)))
    assert sent == {f"Bearer {issuer.tokens[0]}"}
    # expired, in all workers, and restarted
    age(found[0], 3600)
    found = workers()
    with ThreadPoolExecutor(40) as pool:
        sent = set(pool.map(lambda number: signed(found[number % 4]), range(80)))
    assert sent == {f"Bearer {issuer.tokens[1]}"}
    assert found[1].renew(rejected(issuer.tokens[1]))
    used = [form["refresh_token"][0] for form in issuer.forms]
    assert used[0] == REFRESH and len(used) == len(set(used)) == 3
    client = buses[0].redis
    (kept,) = client.scan_iter("*oauth2-tokens*")
    assert "issuer" not in str(client.get(kept))
