"""Topics and subscriptions hold the contract of all types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hansa_devkit import LocalServer
from hansa_devkit.contract import Contract
from hansa_devkit.servers_redis import Valkey
from hansa_pubsub.kinds import Subscription, Topic
from hansa_pubsub.publishing import PubSub
from hansa_redis.bus import RedisBus


class OverRedis(Contract):
    @pytest.fixture(autouse=True)
    def valkey(self, real_server: Callable[..., Any]) -> None:
        bus = RedisBus(str(real_server(Valkey).address), "contract")
        self.server = LocalServer(types=[self.cls], bus=bus)
        self.server.resource(PubSub).depth("orders.new")  # the worker's connection stays open


class TestTopic(OverRedis):
    cls = Topic
    good = {"topic": "orders.new", "max_depth": 100, "expiry": 60.0}


class TestSubscription(OverRedis):
    cls = Subscription
    good = {"topic": "orders.*", "max_attempts": 3, "ack_timeout": 30.0}
