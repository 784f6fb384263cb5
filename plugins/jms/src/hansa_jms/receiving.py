"""What the channels of queues and of topics have in common: how messages come and what is told."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TypeVar

from hansa import Unavailable
from hansa_connect.consuming import ConsumingChannel
from hansa_connect.delivery import Delivery, Headers

from .broker import BrokerConnections
from .connection import LARGEST
from .frames import Frame
from .maps import TRANSFORMATION, MapValue, UnreadableMap, is_map, map_of
from .messages import STANDARD, from_properties, to_properties
from .settings import ReceivingSettings
from .subscriber import Subscriber
from .texts import from_java

ReceivingT = TypeVar("ReceivingT", bound=ReceivingSettings)
_COPIED = frozenset(("correlation-id", "reply-to", "type", "priority", "expires"))
"""Headers that a copy of a message has, too."""


class ReceivingChannel(BrokerConnections[ReceivingT], ConsumingChannel[ReceivingT]):
    """Base of both channels: a subclass says what to subscribe to, and where copies go."""

    _subscriber: Subscriber | None = None
    _cancelled = False

    def source(self) -> str:
        """Return the destination to subscribe to."""
        raise NotImplementedError

    def dead_letters(self) -> str:
        """Return the destination of dead letters."""
        raise NotImplementedError

    def client_id(self) -> str:
        """Return the client id of a durable subscription; empty for none."""
        return ""

    def subscription(self) -> Mapping[str, str]:
        """Return what else is told about the subscription; by default nothing."""
        return {}

    @property
    def subscriber(self) -> Subscriber:
        """The connection that receives; raises `Unavailable` before `connect`."""
        if self._subscriber is None:
            raise Unavailable(f"{self.what} is not started")
        return self._subscriber

    def connect(self) -> None:
        """Open a connection to send copies and one to receive, and subscribe."""
        config = self.config
        self._unacknowledged: OrderedDict[int, str] = OrderedDict()
        self._number = 0
        self.open_pool()
        self._subscriber = Subscriber(
            self.connection_config, self.client_id(), float(config.heartbeat)
        )
        self._subscriber.open(config.timeout)
        headers = {
            "destination": self.source(),
            "activemq.prefetchSize": str(config.prefetch),
            **self.subscription(),
        }
        if config.selector:
            headers["selector"] = config.selector
        if config.maps:
            headers["transformation"] = TRANSFORMATION
        try:
            self._subscriber.subscribe(headers)
        except Unavailable as error:
            if config.maps and self._subscriber.broken:
                raise Unavailable(
                    f"{error.detail}; if the broker has no XStream, set maps to false"
                ) from error
            raise

    def disconnect(self) -> None:
        """Close all connections; the broker delivers again what was not acknowledged."""
        self.close_pool()
        if self._subscriber is not None:
            self._subscriber.close()

    def receive(self) -> None:
        """Wait for the broker, or for `wake`."""
        for frame in self.subscriber.wait():
            self._receive(frame)

    def wake(self, call: Callable[[], None]) -> None:
        """Have the reader call this."""
        if self._subscriber is not None:
            self._subscriber.call_soon(call)

    def acknowledge(self, delivery: Delivery, multiple: bool) -> None:
        """Send ACK for a message, or for all up to it."""
        waiting = self._unacknowledged
        if multiple:
            numbers = [number for number in waiting if number <= delivery.tag]
        else:
            numbers = [delivery.tag]
        acknowledged = [{"id": waiting.pop(number)} for number in numbers if number in waiting]
        self.subscriber.tell("ACK", acknowledged)

    def give_back(self, delivery: Delivery) -> None:
        """Leave a message unacknowledged: it goes to another consumer when this one ends.

        STOMP has a NACK, by which ActiveMQ makes it a dead letter.
        """
        self._unacknowledged.pop(delivery.tag, None)

    def cancel(self) -> None:
        """Take no more: what still comes stays unacknowledged.

        After an UNSUBSCRIBE, ActiveMQ would not let messages be acknowledged that are in hand.
        """
        self._cancelled = True

    def abort(self) -> None:
        """Shut the connection down."""
        self.subscriber.abort()

    def forward(self, delivery: Delivery, headers: Headers, dead: bool) -> None:
        """Send a copy, and wait until the broker has it."""
        frame: Frame = delivery.properties
        kept = {name: value for name, value in frame.headers.items() if name in _COPIED}
        kept |= to_properties(headers)
        kept["destination"] = self.dead_letters() if dead else self.source()
        kept["persistent"] = "true"
        if dead:
            kept.pop("expires", None)
        if delivery.extra["kind"] == "map":
            kept["transformation"] = TRANSFORMATION
        elif delivery.extra["kind"] == "bytes":
            kept["content-length"] = str(frame.size)
        with self.pool.use() as connection:
            connection.request("SEND", kept, frame.body)

    # -- a message ---------------------------------------------------------------------------------

    def _receive(self, frame: Frame) -> None:
        if self._cancelled:
            return
        if frame.size > LARGEST:
            self.log.error(
                "a message of %d bytes is more than can be held: the broker gets it back as a dead letter",
                frame.size,
            )
            self.subscriber.tell("NACK", [{"id": frame.headers.get("ack", "")}])
            return
        self._number += 1
        self._unacknowledged[self._number] = frame.headers.get("ack", "")
        self.take(self._delivery(frame))

    def _delivery(self, frame: Frame) -> Delivery:
        given = frame.headers
        properties = {name: value for name, value in given.items() if name not in STANDARD}
        kind, body, items, fault = _content(frame, self.config.max_body)
        extra: dict[str, object] = {
            "kind": kind,
            "redelivered": given.get("redelivered") == "true",
            "message_id": given.get("message-id", ""),
            "correlation_id": given.get("correlation-id", ""),
            "reply_to": given.get("reply-to", ""),
            "message_type": given.get("type", ""),
            "priority": _number(given.get("priority", "")),
            "expires": _number(given.get("expires", "")),
            "timestamp": _number(given.get("timestamp", "")),
            "properties": properties,
        }
        if items is not None:
            extra["map"] = items
        return Delivery(
            self._number,
            body,
            from_properties(properties),
            redelivered=given.get("redelivered") == "true",
            origin={"destination": given.get("destination", "")},
            identity=given.get("message-id", ""),
            extra=extra,
            properties=frame,
            fault=fault,
        )


def _content(frame: Frame, max_body: int) -> tuple[str, bytes, dict[str, MapValue] | None, str]:
    """Return the kind of a message, what the service gets, the items of a map, and what is wrong.

    The items of a map that is too large are not read: they would take many times its size.
    """
    if "content-length" in frame.headers:
        return "bytes", frame.body, None, ""
    if frame.headers.get("transformation") == TRANSFORMATION:
        if frame.size > max_body and is_map(frame.body):
            return "map", frame.body, None, ""
        try:
            items = map_of(frame.body)
        except UnreadableMap as error:
            return "map", frame.body, None, f"the map cannot be read: {error}"
        if items is not None:
            shown = json.dumps(items, ensure_ascii=False, default=_base64)
            return "map", shown.encode(), items, ""
    return "text", from_java(frame.body), None, ""


def _base64(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
