"""What AMQP 0-9-1 can carry: properties, headers and names are checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

LONGEST_SHORT_STRING = 255
"""Bytes of a short string (AMQP 0-9-1, section 4.2.5.3)."""
DEEPEST = 50
"""Tables and arrays that may be nested in a header."""
_TEXTS = {
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
}
_NUMBERS = {
    "delivery_mode": (1, 2),
    "priority": (0, 255),
    "timestamp": (0, 2**63 - 1),
}


def normalize_properties(properties: Mapping[str, object]) -> dict[str, object]:
    """Return properties in the form of AMQP: an expiration in milliseconds may be a number."""
    normalized = dict(properties)
    expiration = normalized.get("expiration")
    if isinstance(expiration, int) and not isinstance(expiration, bool):
        normalized["expiration"] = str(expiration)
    return normalized


def property_faults(properties: Mapping[str, object]) -> dict[str, str]:
    """Return what is wrong with properties, by their names; None leaves a property out."""
    faults: dict[str, str] = {}
    for name, value in properties.items():
        fault = "" if value is None else _property_fault(name, value)
        if fault:
            faults[name] = fault
    return faults


def _property_fault(name: str, value: object) -> str:
    if name in _NUMBERS:
        least, most = _NUMBERS[name]
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return ""
        return f"must be a whole number from {least} to {most}"
    if name not in _TEXTS:
        return f"is not a property of AMQP, which are {', '.join(sorted(_TEXTS | set(_NUMBERS)))}"
    if name == "expiration" and not _is_milliseconds(value):
        return "must be milliseconds, as a whole number or its digits"
    return short_string_fault(value)


def _is_milliseconds(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit()


def short_string_fault(value: object) -> str:
    """Return what is wrong with a short string, such as a name or a routing key."""
    if not isinstance(value, str):
        return f"must be text, not {type(value).__name__}"
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        return "has characters that UTF-8 does not have"
    if length > LONGEST_SHORT_STRING:
        return f"has {length} bytes, and may have {LONGEST_SHORT_STRING}"
    return ""


def header_faults(headers: Mapping[object, object]) -> dict[str, str]:
    """Return what is wrong with headers, by `headers.NAME`."""
    faults: dict[str, str] = {}
    for name, value in headers.items():
        fault = short_string_fault(name) or _value_fault(value, 0)
        if fault:
            faults[f"headers.{name}"] = fault
    return faults


def _value_fault(value: object, depth: int) -> str:
    """Return what is wrong with a field value (AMQP 0-9-1, section 4.2.5.5)."""
    if depth > DEEPEST:
        return f"is nested more than {DEEPEST} levels deep"
    if isinstance(value, dict):
        return _first(
            short_string_fault(name) or _value_fault(each, depth + 1)
            for name, each in value.items()
        )
    if isinstance(value, list):
        return _first(_value_fault(each, depth + 1) for each in value)
    return _scalar_fault(value)


def _scalar_fault(value: object) -> str:
    if value is None or isinstance(value, bool | bytes):
        return ""
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, int):
        return "" if -(2**63) <= value < 2**63 else "is a number of more than 64 bits"
    if isinstance(value, Decimal):
        return _decimal_fault(value)
    if isinstance(value, datetime):
        return "" if value.year >= 1970 else "is a time before 1970"
    return (
        "must be text, bytes, a whole number, a decimal number, a boolean, a date with time, "
        f"None, or a list or dict of these, not {type(value).__name__}"
    )


def _text_fault(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        return "has characters that UTF-8 does not have"
    return ""


def _decimal_fault(value: Decimal) -> str:
    """Return what is wrong with a decimal: 32 bits of digits, 255 of them after the point."""
    if not value.is_finite():
        return "is not a finite number"
    places = value.normalize().as_tuple().exponent
    if not isinstance(places, int) or places < -255 or places > 10:
        return "is a decimal number of too many digits"
    digits = int(value.normalize().scaleb(max(0, -places)))
    return "" if -(2**31) <= digits < 2**31 else "is a decimal number of too many digits"


def _first(faults: Iterable[str]) -> str:
    return next((fault for fault in faults if fault), "")
