"""Over a real Redis, a token counts once in the whole cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hansa_devkit import LocalServer
from hansa_redis.bus import RedisBus
from hansa_redis.engine import Valkey
from hansa_security.throttle import Throttle

from plugins.redis.tests.support import end, launch
from plugins.wss.tests.envelopes import token
from plugins.wss.tests.test_tokens import WRONG, call, make, refused


@pytest.fixture
def redis_address(tmp_path: Any) -> Iterator[str]:
    engine = Valkey(tmp_path, durability="fast")
    process = launch(engine)
    yield engine.address
    end(process)
    engine.close()


def test_a_token_is_refused_at_the_other_server(redis_address: str) -> None:
    buses = [RedisBus(redis_address, "cluster") for _ in range(2)]
    one, other = (make(LocalServer(bus=bus, resources=[Throttle()])) for bus in buses)
    sent = token(as_digest=True)
    assert call(one, sent) == "alice"
    refused(other, sent, WRONG, "used before")
    assert call(other, token(as_digest=True)) == "alice"
    # it is remembered for as long as tokens are accepted, and not for ever
    client = buses[0].redis
    assert client is not None
    lifetimes = [client.ttl(key) for key in client.scan_iter("*wss-nonces*")]
    assert len(lifetimes) == 2 and all(300 < seconds <= 360 for seconds in lifetimes)
