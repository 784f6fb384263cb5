"""Messages of JMS as those of AMQP: what a service sends, and copies of what was received.

A body is never written anew: a copy has the bytes that were received.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from hansa import TooLarge
from proton import Data, Message, byte, int32, symbol

from ..maps import INT
from ..messages import Options
from ..wire import Outbound, Received
from .addresses import Addresses
from .sections import BYTES, DESTINATION_TYPE, GROUP, MAP, MESSAGE_TYPE, REPLY_TYPE, TEXT, Sections

OCTETS = symbol("application/octet-stream")


def outgoing_message(message: Outbound, addresses: Addresses) -> bytes:
    """Return the bytes of a message; raises `TooLarge`."""
    made: Any = Message()  # its types say that it has neither properties nor annotations
    size = _write_body(made, message.body)
    if size > message.max_body:
        raise TooLarge(f"the message has {size} bytes; max_body is {message.max_body}")
    _write_options(made, message.options, addresses)
    properties: dict[str, object] = dict(message.added)
    for name, value in message.properties.items():
        if name in GROUP:
            setattr(made, GROUP[name], value if name == "JMSXGroupID" else int(value))
        else:
            properties[name] = _typed(value)
    made.properties = properties
    return bytes(made.encode())


def _write_body(made: Any, body: object) -> int:
    """Set body and type of a message, and return the size of the body in bytes."""
    if isinstance(body, bytes):
        made.inferred = True
        made.body = body
        made.content_type = OCTETS
        made.annotations = {MESSAGE_TYPE: byte(BYTES)}
        return len(body)
    if isinstance(body, Mapping):
        items = {name: _typed(value) for name, value in body.items()}
        made.body = items
        made.annotations = {MESSAGE_TYPE: byte(MAP)}
        written = Data()
        written.put_object(items)
        return len(written.encode())
    made.body = str(body)
    made.annotations = {MESSAGE_TYPE: byte(TEXT)}
    return len(str(body).encode())


def _write_options(made: Any, options: Options, addresses: Addresses) -> None:
    to = addresses.of(str(options.destination))
    made.id = f"ID:{uuid.uuid4()}"
    made.address = to.text
    made.annotations[DESTINATION_TYPE] = byte(to.kind)
    made.durable = options.persistent
    made.priority = int(str(options.priority))
    made.creation_time = time.time()
    if options.correlation_id:
        made.correlation_id = str(options.correlation_id)
    if options.message_type:
        made.subject = str(options.message_type)
    if options.reply_to:
        reply = addresses.of(str(options.reply_to))
        made.reply_to = reply.text
        made.annotations[REPLY_TYPE] = byte(reply.kind)
    if options.time_to_live:
        made.ttl = max(0.001, float(str(options.time_to_live)))
        made.expiry_time = made.creation_time + made.ttl


def _typed(value: object) -> object:
    """Return a value in the type that Java would give it; a whole number may be an int there."""
    if isinstance(value, int) and not isinstance(value, bool) and value in INT:
        return int32(value)
    return value


def copied_message(
    message: Received, properties: Mapping[str, str], destination: str, dead: bool, to: Addresses
) -> bytes:
    """Return the bytes of a copy: its own properties, and those of Hansa besides them."""
    sections: Sections = message.original
    head = sections.head
    address = to.of(destination)
    made: Any = Message()
    made.id = f"ID:{uuid.uuid4()}"
    made.address = address.text
    told: Mapping[Any, Any] = head.annotations or {}
    made.annotations = {name: value for name, value in told.items() if isinstance(value, str | int)}
    made.annotations[DESTINATION_TYPE] = byte(address.kind)
    made.durable = True
    made.priority = head.priority
    for name, value in sections.kept.items():
        setattr(made, name, value)
    if message.expires and not dead:
        made.ttl = max(0.001, message.expires / 1000 - time.time())
        made.expiry_time = message.expires / 1000
    added = {name: text for name, text in properties.items() if name.startswith("hansa")}
    made.properties = {**sections.properties, **added}
    return bytes(made.encode()) + sections.body
