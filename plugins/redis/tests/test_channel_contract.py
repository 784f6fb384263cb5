"""The channel holds the contract of channels on Valkey, whatever it reads."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import pytest
import redis
from hansa_devkit import ChannelContract, Inbox
from hansa_devkit.servers_redis import Valkey
from hansa_redis.channel import RedisChannel

from plugins.connect.tests.draining_contract import Drains
from plugins.connect.tests.on_peer import OnPeer

pytestmark = pytest.mark.evidence("real_server")


class Peer(Valkey):
    """Valkey as the peer of a channel."""

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "password": self.password}

    def client(self) -> redis.Redis:
        """A bare client."""
        return redis.Redis("127.0.0.1", self.port, password=self.password)

    def clear(self) -> None:
        with self.client() as client:
            client.flushall()


class OnValkey(OnPeer):
    """Each test has a key of its own."""

    cls = RedisChannel
    make_peer = Peer
    source: ClassVar[str] = ""
    earlier = ({"key": "in", "service": "x", "dead_letters": "dead"},)
    good: ClassVar[dict[str, Any]] = {"first_delay": 0.05, "timeout": 3}

    @pytest.fixture(autouse=True)
    def _key(self, _empty):
        self.key = f"größe {uuid.uuid4().hex}"

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "source": self.source, "key": self.key}


@pytest.mark.proves("channel redis", "guarantee")
@pytest.mark.proves(
    "channel redis",
    "durability",
    "entries of streams and values of lists stay in Redis until the service has ended",
)
@pytest.mark.proves("channel redis", "loss window", "none but that of Redis; of pubsub any")
@pytest.mark.proves("channel redis", "duplicates", "what is in hand when its worker or Redis dies")
class TestStream(OnValkey, ChannelContract):
    source = "stream"

    def send(self, raw):
        with self.peer.client() as client:
            client.xadd(self.key, {"body": raw})


class TestList(OnValkey, ChannelContract):
    source = "list"

    def send(self, raw):
        with self.peer.client() as client:
            client.lpush(self.key, raw)


class TestPublished(Drains, OnValkey, ChannelContract):
    source = "pubsub"
    loses_on_edit = True  # Redis keeps nothing for who is not there

    def send(self, raw):
        with self.peer.client() as client:
            client.publish(self.key, raw)

    def test_it_is_at_most_once(self):
        inbox = Inbox()
        self.send(b"nobody is here")
        with self.receiving(inbox):
            self.send(b"now")
            [request] = inbox.wait(1, self.patience)
        assert request.raw == b"now"
