"""The type `channel redis`: passes entries of a stream, values of a list or published messages to a
service.
"""

from __future__ import annotations

from collections.abc import Iterable

from hansa import Guarantee, Unavailable
from hansa_connect.delays import Delayed
from hansa_connect.delivery import Delivery
from hansa_connect.pulling import PullingChannel
from redis.exceptions import ResponseError

from .address import is_cluster
from .calls import RedisTimedOut, RedisUnavailable
from .client import Client
from .connecting import RedisConnecting
from .lists import ListSource
from .reading import LONGEST_BLOCK, Reading, ReadingSettings, Source, dead_letter
from .streams import StreamSource
from .subscriptions import SubscriptionSource

CONNECTIONS = 4
"""Connections besides one for each message that is handled."""


class RedisChannel(RedisConnecting[ReadingSettings], PullingChannel[ReadingSettings]):
    """Receives messages from Redis or Valkey: a stream, a list, or publish and subscribe.

    One worker of the cluster receives. A message that its service cannot handle is tried again, and
    after `max_attempts` added to the stream of dead letters, with the cause.
    """

    type = "redis"
    placement = "cluster"
    exclusive = True  # what an object finds in hand when it begins must not be another's

    _client: Client | None = None
    _source: Source | None = None
    _last: Iterable[Delivery] = ()

    @classmethod
    def delivery_of(cls, config: ReadingSettings) -> Guarantee:
        """Return at least once; at most once for publish and subscribe."""
        return "at_most_once" if config.source == "pubsub" else "at_least_once"

    @property
    def source(self) -> Source:
        """Where messages come from; raises `Unavailable` before `connect`."""
        if self._source is None:
            raise Unavailable(f"{self.what} is not started")
        return self._source

    def connect(self) -> None:
        """Connect, and make what is missing."""
        self._delayed = Delayed()
        address = self.address
        if is_cluster(address):
            raise Unavailable(f"{self.what} reads from one Redis, and not from a Redis Cluster")
        self._client = Client(
            self.what,
            timeout=self.config.timeout,
            max_connections=self.config.pool + CONNECTIONS,
            decode_responses=False,
            protocol=2,
            **self.target(address),
        )
        try:
            self._client.ping()
            reading = self._reading(self._client)
            self._source = _make_source(reading)
            self._source.open()
            reading.check_dead_letters()
        except (RedisTimedOut, RedisUnavailable, ResponseError) as error:
            advised = self.advised(error)
            if advised is error:
                raise
            raise advised from error.__cause__

    def _reading(self, client: Client) -> Reading:
        consumer = f"hansa-{self.server.cluster.name}-{self.name}"
        return Reading(client, self.config, consumer)

    def disconnect(self) -> None:
        """Close all connections."""
        if self._source is not None:
            self._source.close()
        if self._client is not None:
            self._client.close()

    # -- the source --------------------------------------------------------------------------------

    def fetch(self, limit: int, wait: float) -> Iterable[Delivery]:
        """Return messages that are due again, or new ones."""
        found = self._delayed.due(limit)
        if found:
            return found
        seconds = self._delayed.seconds(wait)
        room = limit - len(self._delayed)
        if room > 0:
            return self.source.fetch(room, seconds)
        self._stopping.wait(min(seconds, LONGEST_BLOCK))
        return ()

    def delivers_again(self, delivery: Delivery) -> bool:
        """Return whether Redis keeps it: not what is published."""
        return self.config.source != "pubsub"

    def cancel(self) -> None:
        """Have Redis send nothing more that is published, and take in what it has sent."""
        self._last = self.source.unsubscribe()

    def unfetched(self) -> Iterable[Delivery]:
        """Take out what was published, and what of that waits for another attempt."""
        if self.config.source != "pubsub":
            return ()
        last, self._last = self._last, ()
        return [*self._delayed.all(), *last]

    def acknowledge(self, delivery: Delivery) -> None:
        """Have Redis forget a message."""
        self.source.acknowledge(delivery)

    def put_back(self, delivery: Delivery, delay: float) -> None:
        """Have a message be tried again; it stays in hand, in Redis, too."""
        if delay or not self._stopping.is_set():
            self._delayed.put(delivery, delay)
        else:
            self.source.give_back(delivery)

    def give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        """Add a dead letter with the cause, and have Redis forget the message."""
        self.source.give_up(delivery, dead_letter(delivery, error, self.name))


def _make_source(reading: Reading) -> Source:
    if reading.config.source == "stream":
        return StreamSource(reading)
    if reading.config.source == "list":
        return ListSource(reading)
    return SubscriptionSource(reading)
