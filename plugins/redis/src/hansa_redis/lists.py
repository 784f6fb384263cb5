"""A list as the source of a channel: each message is moved to a list of those in hand until it is
settled, and so handled at least once.
"""

from __future__ import annotations

from collections.abc import Iterable

from hansa import Unavailable
from hansa_connect.delivery import Delivery
from redis.exceptions import ResponseError

from .reading import Reading, block_milliseconds
from .untyped import Answer, Argument

AT_ONCE = 100
"""Messages that are moved by one request, at most."""


class ListSource:
    """Takes messages from one end of a list.

    Whatever is in the list of those in hand when it begins is what an earlier object of the channel
    had in hand.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._client = reading.client
        self._config = reading.config
        self._in_hand = f"{reading.config.key}.in-hand.{reading.consumer}"
        self._left: list[bytes] = []

    def open(self) -> None:
        """Look up what an earlier object had in hand."""
        try:
            self._client.llen(self._config.key)
            left: Answer = self._client.lrange(self._in_hand, 0, -1)
            self._left = left
        except ResponseError as error:
            raise Unavailable(f"the key {self._config.key!r} is no list: {error}") from error

    def fetch(self, limit: int, wait: float) -> list[Delivery]:
        """Return messages: first those that were in hand."""
        if self._left:
            found = self._left[:limit]
            self._left = self._left[limit:]
            return [self._delivery(body, again=True) for body in found]
        key = self._config.key
        end = self._config.take_from
        seconds: Argument = block_milliseconds(wait) / 1000
        first: Answer = self._client.blmove(key, self._in_hand, seconds, end, "RIGHT")
        if first is None:
            return []
        return [self._delivery(body, again=False) for body in (first, *self._more(limit - 1))]

    def _more(self, limit: int) -> Iterable[bytes]:
        """Move further messages that are there, without waiting."""
        if limit < 1:
            return ()
        with self._client.pipeline(transaction=False) as commands:
            for _ in range(min(limit, AT_ONCE)):
                commands.lmove(
                    self._config.key, self._in_hand, self._config.take_from.upper(), "RIGHT"
                )
            return [body for body in commands.execute() if body is not None]

    def _delivery(self, body: bytes, *, again: bool) -> Delivery:
        key = self._config.key
        return Delivery(
            body,
            body,
            {},
            redelivered=again,
            origin={"key": key},
            extra={"key": key, "redelivered": again},
        )

    def acknowledge(self, delivery: Delivery) -> None:
        """Remove a message from those in hand."""
        self._client.lrem(self._in_hand, 1, delivery.tag)

    def give_back(self, delivery: Delivery) -> None:
        """Put a message back to the end from which it was taken."""
        with self._client.pipeline(transaction=True) as commands:
            commands.lrem(self._in_hand, 1, delivery.tag)
            if self._config.take_from == "right":
                commands.rpush(self._config.key, delivery.tag)
            else:
                commands.lpush(self._config.key, delivery.tag)
            commands.execute()

    def give_up(self, delivery: Delivery, fields: dict[Argument, Argument]) -> None:
        """Add a dead letter, then remove the message."""
        self._reading.add_dead_letter(fields)
        self.acknowledge(delivery)

    def unsubscribe(self) -> list[Delivery]:
        """Return nothing: Redis sends only what it is asked for."""
        return []

    def close(self) -> None:
        """Leave what is in hand to the next object."""
