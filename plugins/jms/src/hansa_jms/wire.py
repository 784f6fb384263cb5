"""What is asked of a connection, whatever protocol it speaks, and what it tells of a message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hansa_connect.pool import Connection

from .maps import MapValue
from .messages import Options, PropertyValue


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message to send, of which is known that it can be sent.

    `body` is that of a text message, a bytes message or a map message; `added` are properties that
    Hansa adds.
    """

    body: object
    properties: Mapping[str, PropertyValue]
    added: Mapping[str, str]
    options: Options
    max_body: int


@dataclass(slots=True)
class Received:
    """A message that was received.

    `handle` is what it is acknowledged by, `original` what the protocol has of it, for copies.
    `body` is what the service gets, `items` are those of a map. Times are milliseconds since 1970,
    0 for none. `fault` says why it cannot be handled; `size` is in bytes, and that of a message
    that is too large to be held, without its body, where `too_large`.
    """

    handle: Any  # an id of STOMP, a delivery of Proton
    original: Any  # a frame of STOMP, the sections of AMQP
    kind: str
    body: bytes
    properties: Mapping[str, PropertyValue]
    size: int
    too_large: bool = False
    items: Mapping[str, MapValue] | None = None
    fault: str = ""
    destination: str = ""
    message_id: str = ""
    correlation_id: str = ""
    reply_to: str = ""
    message_type: str = ""
    priority: int = 0
    expires: int = 0
    timestamp: int = 0
    redelivered: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """What to receive: `durable` is the name of a durable subscription, empty for none.

    `max_body` is the size from which on a body need not be read, since nobody will see it.
    """

    destination: str
    selector: str
    prefetch: int
    maps: bool
    durable: str
    max_body: int


class Sending(Connection, Protocol):
    """A connection that sends, as `hansa_connect.pool` wants it."""

    def send(self, message: Outbound) -> None:
        """Send a message, and return once the broker has it.

        Raises `TooLarge`, `Refused` if the broker refuses it, and `Unavailable`.
        """

    def send_copy(
        self, message: Received, properties: Mapping[str, str], destination: str, dead: bool
    ) -> None:
        """Send a copy of what was received, with these properties besides its own.

        Returns once the broker has it. One that is `dead` does not expire.
        """


class Receiving(Protocol):
    """A connection with one subscription, used by one thread.

    Only `call_soon` and `abort` are called from others.
    """

    broken: bool

    def open(self, timeout: float) -> None:
        """Connect and log in within `timeout` seconds; raises `Unavailable`."""

    def subscribe(self, subscription: Subscription) -> None:
        """Have the broker deliver messages; raises `Refused` and `Unavailable`."""

    def wait(self) -> list[Received]:
        """Wait for messages or for `call_soon`, and return the messages; raises `Unavailable`."""

    def acknowledge(self, handles: Iterable[Any]) -> None:
        """Have the broker forget messages; raises `Unavailable`."""

    def give_back(self, handle: Any) -> None:
        """Have the broker deliver a message to another consumer, at the latest after `close`."""

    def refuse(self, handle: Any) -> None:
        """Leave a message that cannot be held to the broker, as a dead letter."""

    def cancel(self) -> None:
        """Want no more messages; what is in hand may still be acknowledged, and some may still come."""

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the thread that is in `wait` call this; does nothing after `close`."""

    def abort(self) -> None:
        """Make a call that waits for the broker fail, from any thread."""

    def close(self) -> None:
        """End the connection in order, so that the broker has dealt with what was told before."""
