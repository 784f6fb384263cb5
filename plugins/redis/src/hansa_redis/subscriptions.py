"""Publish and subscribe as the source of a channel: each message at most once."""

from __future__ import annotations

import contextlib
import time

from hansa import Unavailable
from hansa_connect.delivery import Delivery
from redis.client import PubSub
from redis.exceptions import RedisError

from .reading import LONGEST_BLOCK, Reading
from .untyped import Answer, Argument

PATTERN = frozenset("*?[")
"""What makes a pattern of a name."""
PUBLISHED = ("message", "pmessage")
"""The types of what was published, among the answers to a subscriber."""


class SubscriptionSource:
    """Subscribes to a channel of Redis, or to a pattern.

    Messages are read as room for them is made; Redis keeps the others, up to its
    `client-output-buffer-limit`, and then closes the connection, which is reported as a loss. Valkey
    9 does not count messages of 16 KiB and more.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._client = reading.client
        self._config = reading.config
        self._subscription: PubSub | None = None
        self._heard = 0.0
        self._asked = 0.0

    def open(self) -> None:
        """Subscribe."""
        key = self._config.key
        subscription = self._client.pubsub(ignore_subscribe_messages=True)
        self._subscription = subscription
        if PATTERN.intersection(key):
            subscription.psubscribe(key)
        else:
            subscription.subscribe(key)
        # the answer: from then on messages come
        self._heard = time.monotonic()
        self._asked = 0.0
        self._next(self._config.timeout)

    @property
    def subscription(self) -> PubSub:
        """The subscription; raises `Unavailable` before `open`."""
        if self._subscription is None:
            raise Unavailable(f"not subscribed to {self._config.key!r}")
        return self._subscription

    def fetch(self, limit: int, wait: float) -> list[Delivery]:
        """Return messages that have come; those that are there already, all in one go."""
        found: list[Delivery] = []
        seconds = min(wait, LONGEST_BLOCK)
        while len(found) < limit:
            self._ask()
            message = self._next(0.0 if found else seconds)
            if message is None:
                break
            self._heard = time.monotonic()
            self._asked = 0.0
            if message["type"] in PUBLISHED:
                found.append(self._delivery(message))
        return found

    def _next(self, seconds: float) -> Answer:
        """Return a message, None if there is none within so many seconds."""
        # one that has begun to come has to end, too
        with self._client.call(seconds):
            return self.subscription.get_message(timeout=seconds)

    def _ask(self) -> None:
        """Ask whether Redis is there, once it has been silent; raises `Unavailable` if it stays so."""
        timeout = self._config.timeout
        now = time.monotonic()
        if self._asked and now - self._asked > timeout:
            raise Unavailable(f"Redis did not answer within {timeout:g} s")
        if not self._asked and now - self._heard > timeout:
            self._asked = now
            self.subscription.ping()

    def _delivery(self, message: Answer) -> Delivery:
        channel = message["channel"].decode(errors="replace")
        return Delivery(
            None,
            message["data"],
            {},
            origin={"key": channel},
            identity=f"{channel} {time.monotonic_ns()}",
            extra={"key": channel, "redelivered": False},
        )

    def acknowledge(self, delivery: Delivery) -> None:
        """Do nothing: Redis has forgotten it."""

    def give_back(self, delivery: Delivery) -> None:
        """Do nothing: nobody else can have it."""

    def give_up(self, delivery: Delivery, fields: dict[Argument, Argument]) -> None:
        """Add a dead letter."""
        self._reading.add_dead_letter(fields)

    def unsubscribe(self) -> list[Delivery]:
        """Unsubscribe, and return what was published until then."""
        subscription = self.subscription
        if PATTERN.intersection(self._config.key):
            subscription.punsubscribe()  # type: ignore[no-untyped-call]
        else:
            subscription.unsubscribe()  # type: ignore[no-untyped-call]
        found: list[Delivery] = []
        ends = time.monotonic() + self._config.timeout
        while subscription.subscribed and time.monotonic() < ends:
            message = self._next(LONGEST_BLOCK)
            if message is not None and message["type"] in PUBLISHED:
                found.append(self._delivery(message))
        return found

    def close(self) -> None:
        """Unsubscribe and close the connection."""
        if self._subscription is not None:
            with contextlib.suppress(RedisError, OSError, Unavailable):  # it is broken
                self._subscription.close()
