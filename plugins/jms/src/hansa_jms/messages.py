"""Messages of JMS: what may be in them, and the properties that copies have after a failure."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hansa import Invalid, new_cid, trace_headers

from .destinations import fault_of_destination
from .maps import LONG, MapValue, map_faults
from .texts import fault_of_text, to_java

PropertyValue: TypeAlias = str | int | float | bool
"""A property of a message; STOMP carries all of them as text."""
Body: TypeAlias = str | bytes | Mapping[str, MapValue]
"""The body of a text message, a bytes message or a map message."""
STANDARD = frozenset(
    (
        "destination",
        "ack",
        "subscription",
        "message-id",
        "content-length",
        "correlation-id",
        "reply-to",
        "type",
        "priority",
        "expires",
        "persistent",
        "timestamp",
        "redelivered",
        "transformation",
        "transformation-error",
        "amq-msg-type",
        "receipt",
        "transaction",
        "id",
        "selector",
    )
)
"""Headers of STOMP and ActiveMQ that are not properties of a message."""
OF_GROUPS = ("JMSXGroupID", "JMSXGroupSeq")
LONGEST_PROPERTIES = 64 * 1024
"""Characters of all properties of a message, at most."""
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_WORDS = frozenset(("NULL", "TRUE", "FALSE", "NOT", "AND", "OR", "BETWEEN", "LIKE", "IN", "IS"))
"""Words of selectors (JMS 1.1, section 3.8.1.1)."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a message is sent; the names are those of the arguments of `send`."""

    destination: object
    correlation_id: object
    reply_to: object
    message_type: object
    priority: object
    time_to_live: object
    persistent: bool


def check_message(
    body: object, properties: object, options: Options, *, bytes_in_maps: bool
) -> None:
    """Refuse what cannot be sent; raises `Invalid` with all faults at once."""
    faults = dict(_faults(body, properties, options, bytes_in_maps))
    if faults:
        listed = "; ".join(f"{name} {fault}" for name, fault in faults.items())
        raise Invalid(faults, f"the message cannot be sent: {listed}")


def own_properties(cid: str) -> dict[str, str]:
    """Return the properties that each message gets: correlation id of the logs, and trace."""
    return {"hansaCid": new_cid() if cid == "-" else cid, **trace_headers()}


def shown_map(items: Mapping[str, MapValue]) -> bytes:
    """Return the items of a map as a service sees them: JSON, with bytes in base64."""
    return json.dumps(items, ensure_ascii=False, default=_base64).encode()


def _base64(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def as_text(value: object) -> str:
    """Return a property as text, in the way of Java."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


# -- what is wrong ---------------------------------------------------------------------------------


def _faults(
    body: object, properties: object, options: Options, bytes_in_maps: bool
) -> Iterator[tuple[str, str]]:
    found = {
        "message": _fault_of_body(body),
        "destination": fault_of_destination(options.destination),
        "correlation_id": _fault_of_line(options.correlation_id),
        "reply_to": fault_of_destination(options.reply_to) if options.reply_to else "",
        "message_type": _fault_of_line(options.message_type),
        "priority": _fault_of_priority(options.priority),
        "time_to_live": _fault_of_seconds(options.time_to_live),
    }
    yield from ((name, fault) for name, fault in found.items() if fault)
    if isinstance(body, Mapping):
        yield from map_faults(body, bytes_in_maps=bytes_in_maps).items()
    if isinstance(properties, Mapping):
        yield from _property_faults(properties)
    elif properties is not None:
        yield "properties", f"must be a dict, not {type(properties).__name__}"


def _fault_of_body(body: object) -> str:
    if isinstance(body, bytes | Mapping):
        return ""
    if not isinstance(body, str):
        return f"must be text, bytes or a dict, not {type(body).__name__}"
    try:
        to_java(body)
    except UnicodeEncodeError:
        return "has characters that UTF-8 does not have"
    return ""


def _fault_of_line(value: object) -> str:
    if not isinstance(value, str):
        return f"must be text, not {type(value).__name__}"
    return fault_of_text(value)


def _fault_of_priority(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9:
        return ""
    return "must be a whole number from 0 to 9"


def _fault_of_seconds(value: object) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and math.isfinite(float(str(value))) and 0 <= float(str(value)) <= 1e10:
        return ""
    return "must be seconds, 0 for never"


def _property_faults(properties: Mapping[object, object]) -> Iterator[tuple[str, str]]:
    size = 0
    for name, value in properties.items():
        fault = _fault_of_name(name) or _fault_of_value(value)
        if fault:
            yield f"properties.{name}", fault
        size += len(str(name)) + len(str(value))
    if size > LONGEST_PROPERTIES:
        yield "properties", f"have more than {LONGEST_PROPERTIES} characters"


def _fault_of_name(name: object) -> str:
    if name in OF_GROUPS:
        return ""
    text = name if isinstance(name, str) else ""
    if not _IDENTIFIER.fullmatch(text) or text.upper() in _WORDS:
        return "is not the name of a property, which has letters, digits and _"
    if text.startswith("JMS") or text in STANDARD:
        return "is a name that JMS or STOMP has for itself"
    return ""


def _fault_of_value(value: object) -> str:
    if isinstance(value, str):
        return fault_of_text(value)
    if isinstance(value, int) and value not in LONG:
        return "is a number of more than 64 bits"
    if isinstance(value, bool | int | float):
        return ""
    return f"must be text, a number or a boolean, not {type(value).__name__}"


# -- copies after a failure ------------------------------------------------------------------------

_OWN = {
    f"x-hansa-{name}": f"hansa{name.capitalize()}"
    for name in (
        "attempts",
        "cause",
        "history",
        "first",
        "last",
        "cid",
        "channel",
        "destination",
    )
}
"""Properties that Hansa adds, by its own names of them; a hyphen would not be a name in JMS."""
_HEADERS = {name: header for header, name in _OWN.items()}


def to_properties(headers: Mapping[str, object]) -> dict[str, str]:
    """Return the headers of a copy as properties."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        text = json.dumps(value) if isinstance(value, list) else str(value)
        found[_OWN.get(name, name)] = text
    return found


def from_properties(properties: Mapping[str, PropertyValue]) -> dict[str, object]:
    """Return properties as headers: text, and those of an earlier copy as what they were."""
    found = {name: as_text(value) for name, value in properties.items()}
    return {_HEADERS.get(name, name): _read(name, value) for name, value in found.items()}


def _read(name: str, value: str) -> object:
    if name == "hansaAttempts" and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    if name == "hansaHistory":
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return found if isinstance(found, list) else value
    return value
