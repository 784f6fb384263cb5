"""Two workers of one cluster over a real Valkey, which publish, pull and push messages."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hansa import Service
from hansa_devkit import LocalServer
from hansa_devkit.servers_redis import Valkey
from hansa_pubsub import pushing
from hansa_pubsub.early import PubSubSection
from hansa_pubsub.failing import SERVICE, Deliver
from hansa_pubsub.publishing import PubSub
from hansa_pubsub.pushing import Pusher
from hansa_pubsub.settings import SubscriptionSettings, TopicSettings
from hansa_redis.bus import RedisBus


class Workers:
    """Workers that share topics and subscriptions; `seen` are the payloads that services got."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._name = f"test-{uuid.uuid4().hex}"
        self.servers: list[LocalServer] = []
        self.pubsubs: list[PubSub] = []
        self.pushers: list[Pusher] = []
        self._lock = threading.Lock()
        self.seen: list[Any] = []
        for _ in range(2):
            self.add()

    def add(self) -> None:
        bus = RedisBus(self._address, self._name)
        server = LocalServer(bus=bus, services={SERVICE: Deliver})
        pubsub = server.resource(PubSub)
        self.servers.append(server)
        self.pubsubs.append(pubsub)

    def service(self, name: str, act: Callable[[Any], Any]) -> None:
        """Have a service do something with its payload."""
        handle = {"name": name, "handle": lambda self: act(self.request.payload)}
        made = type("Made", (Service,), handle)
        for server in self.servers:
            server.services[name] = made

    @property
    def one(self) -> PubSub:
        return self.pubsubs[0]

    @property
    def other(self) -> PubSub:
        return self.pubsubs[1]

    def topic(self, topic: str = "orders.new", **settings: Any) -> None:
        for pubsub in self.pubsubs:
            pubsub.table.put_topic(object(), TopicSettings(topic=topic, **settings))

    def subscription(self, name: str, topic: str = "orders.new", **settings: Any) -> None:
        for pubsub in self.pubsubs:
            config = SubscriptionSettings(topic=topic, **settings)
            config.check()
            pubsub.table.put_subscription(object(), name, config)
            pubsub.table.changed.set()

    def push(self, lease: float = 3.0) -> None:
        """Have both push."""
        for server, pubsub in zip(self.servers, self.pubsubs, strict=True):
            made = Pusher(server, pubsub, PubSubSection(lease=lease))
            made.start()
            self.pushers.append(made)

    def note(self, payload: Any) -> None:
        with self._lock:
            self.seen.append(payload)

    def close(self) -> None:
        for pusher in self.pushers:
            pusher.stop(5.0)
        for pubsub in self.pubsubs:
            pubsub.close()
        for server in self.servers:
            server.close()


@pytest.fixture(autouse=True, scope="session")
def quick() -> None:
    """Look more often, so that tests need not wait."""
    pushing.WAIT, pushing.IDLE, pushing.PAUSE, pushing.GONE = 0.1, 0.1, 0.05, 0.1


@pytest.fixture
def workers(real_server: Callable[..., Any]) -> Iterator[Workers]:
    made = Workers(str(real_server(Valkey).address))
    made.topic()
    yield made
    made.close()
