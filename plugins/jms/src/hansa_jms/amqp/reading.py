"""What the bytes of a message of AMQP tell, whoever has written them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proton import Message, symbol

from ..maps import MapValue
from ..messages import PropertyValue, shown_map
from ..wire import Received
from .addresses import Addresses
from .sections import (
    BYTES,
    GROUP,
    MESSAGE_TYPE,
    OBJECT,
    REPLY_TYPE,
    STREAM,
    TEXT,
    Sections,
    as_data,
    head_length,
    value_of,
)

_UNREADABLE = {OBJECT: "an object", STREAM: "a stream"}
_ROOM = 1024 * 1024
"""Bytes that a message may have besides its body and still be read."""
_NO_SYMBOL = symbol(None)
"""What Proton 0.40 says where there is no symbol."""
_KEPT = (
    "subject",
    "reply_to",
    "correlation_id",
    "content_type",
    "content_encoding",
    "creation_time",
    "user_id",
    "group_id",
    "group_sequence",
)
"""Fields that a copy of a message has, too."""


def received(
    handle: object, raw: bytes, addresses: Addresses, source: str, max_body: int
) -> Received:
    """Return what the bytes of a message tell; a body of more than `max_body` may stay unread.

    `source` is where it was received from, for messages that do not say where they were sent to.
    """
    head = Message()
    try:
        length = head_length(raw)
        head.decode(raw[:length])
        body = raw[length:]
        properties = properties_of(head)
        found = _described(handle, head, properties, addresses, source)
        given: Mapping[str, Any] = head.properties or {}
        own = {
            name: given[name] if isinstance(given.get(name), int | float) else value
            for name, value in properties.items()
        }
        values = {name: getattr(head, name) for name in _KEPT}
        kept = {name: value for name, value in values.items() if value and value != _NO_SYMBOL}
    except Exception as error:  # whatever a decoder raises for what others have written
        fault = f"it is no message of AMQP: {type(error).__name__}"
        empty = Sections(Message(), {}, {}, as_data(raw))
        return Received(handle, empty, "bytes", raw, {}, len(raw), fault=fault, destination=source)
    found.original = Sections(head, kept, own, body)
    found.size = len(raw)
    if len(body) > max_body + _ROOM:
        found.body = body  # it is too large in any case
        return found
    try:
        found.kind, found.body, found.items, found.fault = _content(head, value_of(body))
    except Exception as error:  # as above
        found.fault = f"its body cannot be read: {type(error).__name__}"
        found.body = body
        found.original = Sections(head, kept, own, as_data(body))
    return found


def _described(
    handle: object,
    head: Message,
    properties: Mapping[str, PropertyValue],
    addresses: Addresses,
    source: str,
) -> Received:
    annotations: Mapping[Any, Any] = head.annotations or {}
    reply_kind = annotations.get(REPLY_TYPE)
    # RabbitMQ does not count, but says of each whether it is the first
    again = head.delivery_count > 0 or (addresses.is_rabbitmq and not head.first_acquirer)
    groups = {name: getattr(head, field) for name, field in GROUP.items()}
    address = head.address or ""
    return Received(
        handle=handle,
        original=None,
        kind="bytes",
        body=b"",
        properties={**properties, **{name: value for name, value in groups.items() if value}},
        size=0,
        destination=addresses.destination(address) if address else source,
        message_id=_text(head.id),
        correlation_id=_text(head.correlation_id),
        reply_to=addresses.destination(head.reply_to or "", reply_kind),
        message_type=head.subject or "",
        priority=head.priority,
        expires=round(head.expiry_time * 1000),
        timestamp=round(head.creation_time * 1000),
        redelivered=again,
    )


def properties_of(head: Message) -> dict[str, PropertyValue]:
    """Return the properties of an application; what JMS does not have is text."""
    found: dict[str, PropertyValue] = {}
    given: Mapping[object, object] = head.properties or {}
    for name, value in given.items():
        plain = _plain(value)
        found[str(name)] = plain if isinstance(plain, str | int | float) else _text(value)
    return found


def _content(head: Message, body: object) -> tuple[str, bytes, dict[str, MapValue] | None, str]:
    """Return the kind of a message, what the service gets, the items of a map, and what is wrong."""
    annotations: Mapping[Any, Any] = head.annotations or {}
    told = annotations.get(MESSAGE_TYPE)
    if told in _UNREADABLE:
        return "bytes", _raw(body), None, f"it is {_UNREADABLE[told]} message, which is not read"
    if isinstance(body, Mapping):
        faulty = [str(name) for name, value in body.items() if not _is_item(name, value)]
        if faulty:
            return (
                "map",
                b"",
                None,
                f"the map cannot be read: the item {faulty[0]!r} is of no type of JMS",
            )
        items = {str(name): _plain(value) for name, value in body.items()}
        return "map", shown_map(items), items, ""
    if body is None:
        return ("bytes" if told == BYTES else "text"), b"", None, ""
    if isinstance(body, str):
        return "text", body.encode(), None, ""
    if isinstance(body, bytes | memoryview):
        textual = told == TEXT or str(head.content_type or "").startswith("text/")
        return ("text" if textual else "bytes"), bytes(body), None, ""
    return "bytes", b"", None, f"its body is of the type {type(body).__name__}, which is not read"


def _is_item(name: object, value: object) -> bool:
    return isinstance(name, str) and (
        value is None or isinstance(value, str | int | float | bytes | memoryview)
    )


def _plain(value: Any) -> MapValue:
    """Return a value without the type that Proton gives it; other types than those of JMS are None."""
    if isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return bytes(value) if isinstance(value, bytes | memoryview) else None


def _raw(body: object) -> bytes:
    return bytes(body) if isinstance(body, bytes | memoryview) else b""


def _text(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode(errors="replace")
    return "" if value is None else str(value)
