"""A Redis whose packets are dropped costs a caller one deadline, not several: changes and leases go
on without it.
"""

from __future__ import annotations

import time

import pytest
import redis
from hansa_devkit.faults import Proxy
from hansa_devkit.servers_redis import Redis
from hansa_redis.bus import RedisBus


def test_a_nudge_and_a_lease_are_given_up_in_time_and_work_again(real_server):
    server = real_server(Redis)
    with Proxy(server.port) as proxy:
        bus = RedisBus(server.address_at(proxy.port), "half-open")
        assert bus.acquire("job", "me", 5.0) == 1
        proxy.mode = "drop"
        for call in (lambda: bus.nudge(1), lambda: bus.acquire("job", "me", 5.0)):
            began = time.monotonic()
            try:
                call()
            except redis.RedisError:
                pass
            assert time.monotonic() - began < 4.5
        proxy.mode = "pass"
        assert bus.acquire("other", "me", 5.0) == 1
        bus.redis.close()


def test_a_connection_that_died_idle_is_made_anew(real_server):
    server = real_server(Redis)
    with Proxy(server.port) as proxy:
        bus = RedisBus(server.address_at(proxy.port), "idle")
        assert bus.redis.ping()
        proxy.mode = "reset"
        with pytest.raises(redis.ConnectionError):
            bus.redis.ping()
        proxy.mode = "pass"
        bus.redis.ping()
        proxy.mode = "refuse"
        proxy.mode = "pass"
        assert bus.redis.ping()
        bus.redis.close()
