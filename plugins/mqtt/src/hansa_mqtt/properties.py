"""Properties of messages in MQTT 5: made, checked, and read; MQTT 3.1.1 has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hansa import Invalid
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from .topics import LONGEST, text_fault, topic_fault

LONGEST_EXPIRY = 0xFFFFFFFF
"""Seconds, at most (section 3.3.2.3.3)."""
_READ = {
    "ContentType": "content_type",
    "ResponseTopic": "response_topic",
    "CorrelationData": "correlation_data",
    "MessageExpiryInterval": "expiry",
    "PayloadFormatIndicator": "payload_format",
}
"""The properties that a service sees, by their names in paho-mqtt."""


_EMPTY = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]


def made(kind: int, **values: object) -> Properties:
    """Return the properties of a packet; None leaves one out."""
    return _filled(Properties(kind), **values)  # type: ignore[no-untyped-call]


def _filled(properties: Any, **values: object) -> Properties:
    for name, value in values.items():
        if value is not None:
            setattr(properties, name, value)
    found: Properties = properties
    return found


def of_message(
    headers: Mapping[str, str],
    content_type: str | None,
    response_topic: str | None,
    correlation_data: bytes | None,
    expiry: int | None,
) -> Properties:
    """Return the properties of a message to publish."""
    # PERF: paho-mqtt builds its tables anew for each message, and searches them for each value:
    # 30 of the 125 microseconds that the thread of a caller spends on a message
    properties: Any = Properties.__new__(Properties)
    properties.__dict__.update(_EMPTY.__dict__)
    if headers:
        properties.__dict__["UserProperty"] = list(headers.items())
    return _filled(
        properties,
        ContentType=content_type,
        ResponseTopic=response_topic,
        CorrelationData=correlation_data,
        MessageExpiryInterval=expiry,
    )


def message_faults(
    headers: object,
    content_type: object,
    response_topic: object,
    correlation_data: object,
    expiry: object,
) -> dict[str, str]:
    """Return what is wrong with the properties of a message, by name."""
    faults: dict[str, str] = {}
    if isinstance(headers, Mapping):
        for name, value in headers.items():
            faults[f"headers.{name}"] = text_fault(name) or text_fault(value)
    else:
        faults["headers"] = f"must be a dict, not {type(headers).__name__}"
    if content_type is not None:
        faults["content_type"] = text_fault(content_type)
    if response_topic is not None:
        faults["response_topic"] = topic_fault(response_topic)
    if correlation_data is not None:
        faults["correlation_data"] = _binary_fault(correlation_data)
    if expiry is not None:
        faults["expiry"] = _expiry_fault(expiry)
    return {name: fault for name, fault in faults.items() if fault}


def _binary_fault(value: object) -> str:
    if not isinstance(value, bytes):
        return f"must be bytes, not {type(value).__name__}"
    return f"has {len(value)} bytes, and may have {LONGEST}" if len(value) > LONGEST else ""


def _expiry_fault(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LONGEST_EXPIRY:
        return ""
    return f"must be a whole number of seconds from 0 to {LONGEST_EXPIRY}"


def only_in_mqtt_5(**given: object) -> None:
    """Refuse what MQTT 3.1.1 cannot carry; raises `Invalid`."""
    faults = {name: "needs version 5" for name, value in given.items() if value}
    if faults:
        raise Invalid(faults)


def user_properties(properties: Properties | None) -> list[tuple[str, str]]:
    """Return the user properties of a message, in their order."""
    found: Iterable[tuple[str, str]] = getattr(properties, "UserProperty", ())
    return list(found)


def seen(properties: Properties | None) -> dict[str, object]:
    """Return the properties of a message that a service sees."""
    return {
        name: getattr(properties, original)
        for original, name in _READ.items()
        if hasattr(properties, original)
    }
