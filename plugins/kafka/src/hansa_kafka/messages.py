"""What Kafka delivers, as deliveries; and what a dead letter takes along of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hansa import Request
from hansa_connect.delivery import PREFIX, Delivery, Headers

from .outbound import HeaderList
from .partitions import Partition

if TYPE_CHECKING:
    from confluent_kafka import Message

_HISTORY = PREFIX + "history"


@dataclass(slots=True)
class Work:
    """What a delivery is of: messages of one partition, and whether a call gets a list of them."""

    partition: Partition
    messages: list[Message]
    listed: bool


class BatchDelivery(Delivery):
    """Messages of one partition that a service gets as a list; `body` is that of the first."""

    __slots__ = ()

    def request(self) -> Request:
        """Return what the service gets: plain data for each message, in the order of offsets."""
        first = super().request()
        messages = self.properties.messages
        payload = [plain(message) for message in messages]
        extra = {"origin": self.origin, "count": len(messages)}
        return Request(payload=payload, extra=extra, cid=first.cid, attempt=first.attempt)


def delivery_of(work: Work, redelivered: bool) -> Delivery:
    """Return the delivery of one message, or of several at once."""
    message = work.messages[0]
    origin = {
        "topic": message.topic() or "",
        "partition": str(message.partition()),
        "offset": str(message.offset()),
    }
    extra: dict[str, object] = {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "key": text_of(message.key()),
        "timestamp": time_of(message),
        "redelivered": redelivered,
    }
    make = BatchDelivery if work.listed else Delivery
    return make(
        message.offset(),
        body_of(message),
        headers_of(message),
        redelivered=redelivered,
        origin=origin,
        extra=extra,
        properties=work,
    )


def plain(message: Message) -> dict[str, object]:
    """Return a message of a list: `value` and `key` are text, or bytes if they are not UTF-8."""
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "key": text_of(message.key()),
        "value": text_of(message.value()),
        "headers": {name: text_of(value) for name, value in _pairs(message)},
        "timestamp": time_of(message),
    }


def body_of(message: Message) -> bytes:
    """Return the value of a message; empty for one without."""
    value = message.value()
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else bytes(value)


def text_of(value: str | bytes | None) -> str | bytes | None:
    """Return bytes as text if they are UTF-8, else as they are."""
    if value is None or isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def time_of(message: Message) -> str | None:
    """Return when a message was made, or stored, as the topic has it (UTC, ISO 8601)."""
    kind, milliseconds = message.timestamp()
    if not kind or milliseconds < 0:
        return None
    found = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return found.isoformat(timespec="milliseconds")


def headers_of(message: Message) -> Headers:
    """Return the headers of a message, the last one of each name; a history is a list again."""
    found: Headers = {name: text_of(value) for name, value in _pairs(message)}
    history = found.get(_HISTORY)
    if isinstance(history, str):
        try:
            found[_HISTORY] = json.loads(history)
        except (ValueError, RecursionError):
            del found[_HISTORY]
    return found


def dead_headers(message: Message, headers: Headers) -> HeaderList:
    """Return the headers of a dead letter: the message's own as they were, and those added here."""
    own = [(name, value) for name, value in _pairs(message) if not name.startswith(PREFIX)]
    added = {name: value for name, value in headers.items() if str(name).startswith(PREFIX)}
    return own + [(str(name), _header(value)) for name, value in added.items()]


def _header(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    text = value if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False)
    return str(text).encode(errors="replace")


def _pairs(message: Message) -> HeaderList:
    found = message.headers() or []
    return list(found.items()) if isinstance(found, dict) else list(found)
