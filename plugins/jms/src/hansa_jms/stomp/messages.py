"""Messages of JMS as frames of STOMP: what a service sends, what was received, and copies of it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from hansa import TooLarge

from ..broker_socket import LARGEST
from ..destinations import destination_of
from ..maps import TRANSFORMATION, MapValue, UnreadableMap, is_map, map_of, written_map
from ..messages import STANDARD, Options, as_text, shown_map
from ..texts import from_java, to_java
from ..wire import Outbound, Received
from .frames import Frame

_COPIED = frozenset(("correlation-id", "reply-to", "type", "priority", "expires"))
"""Headers that a copy of a message has, too."""


def outgoing_frame(message: Outbound) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a SEND frame; raises `TooLarge`."""
    options = message.options
    headers = {"destination": destination_of(str(options.destination))}
    headers |= _option_headers(options)
    headers |= message.added
    headers |= {name: as_text(value) for name, value in message.properties.items()}
    content, more = _written(message.body)
    if len(content) > message.max_body:
        raise TooLarge(f"the message has {len(content)} bytes; max_body is {message.max_body}")
    return {**headers, **more}, content


def _option_headers(options: Options) -> dict[str, str]:
    headers = {
        "persistent": as_text(options.persistent),
        "priority": str(options.priority),
    }
    optional = {
        "correlation-id": options.correlation_id,
        "reply-to": destination_of(str(options.reply_to)) if options.reply_to else "",
        "type": options.message_type,
    }
    headers |= {name: str(value) for name, value in optional.items() if value}
    if options.time_to_live:
        seconds = float(str(options.time_to_live))
        headers["expires"] = str(round((time.time() + seconds) * 1000))
    return headers


def _written(body: object) -> tuple[bytes, dict[str, str]]:
    """Return the body as it is sent, and the headers that tell which type of message it is.

    A length makes it a bytes message; texts and maps, which have no zero bytes, do without.
    """
    if isinstance(body, bytes):
        return body, {"content-length": str(len(body))}
    if isinstance(body, Mapping):
        return written_map(body), {"transformation": TRANSFORMATION}
    return to_java(str(body)), {}


def copied_frame(
    message: Received, properties: Mapping[str, str], destination: str, dead: bool
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the SEND frame of a copy."""
    frame: Frame = message.original
    kept = {name: value for name, value in frame.headers.items() if name in _COPIED}
    kept |= properties
    kept["destination"] = destination
    kept["persistent"] = "true"
    if dead:
        kept.pop("expires", None)
    if message.kind == "map":
        kept["transformation"] = TRANSFORMATION
    elif message.kind == "bytes":
        kept["content-length"] = str(frame.size)
    return kept, frame.body


def received(frame: Frame, max_body: int) -> Received:
    """Return what a MESSAGE frame tells; the items of a map of more than `max_body` are not read."""
    given = frame.headers
    kind, body, items, fault = _content(frame, max_body)
    return Received(
        handle=given.get("ack", ""),
        original=frame,
        kind=kind,
        body=body,
        properties={name: value for name, value in given.items() if name not in STANDARD},
        size=frame.size,
        too_large=frame.size > LARGEST,
        items=items,
        fault=fault,
        destination=given.get("destination", ""),
        message_id=given.get("message-id", ""),
        correlation_id=given.get("correlation-id", ""),
        reply_to=given.get("reply-to", ""),
        message_type=given.get("type", ""),
        priority=_number(given.get("priority", "")),
        expires=_number(given.get("expires", "")),
        timestamp=_number(given.get("timestamp", "")),
        redelivered=given.get("redelivered") == "true",
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
            return "map", shown_map(items), items, ""
    return "text", from_java(frame.body), None, ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
