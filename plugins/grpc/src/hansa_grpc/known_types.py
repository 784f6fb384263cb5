"""Messages of types that protobuf itself declares, such as times, as plain data, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hansa import Invalid, Secret

from .members import scalar_of

EXACT = 1 << 53
"""Up to here every integer is a number of google.protobuf.Value, which has doubles."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRAPPERS = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)


def _read_timestamp(message: Any) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)
    except OverflowError:
        raise Invalid("a time is out of range: years are between 1 and 9999") from None


def _read_duration(message: Any) -> timedelta:
    try:
        return timedelta(seconds=message.seconds, microseconds=round(message.nanos / 1000))
    except OverflowError:
        raise Invalid("a duration is out of range") from None


def _read_wrapper(message: Any) -> Any:
    return message.value


def _read_struct(message: Any) -> dict[str, Any]:
    return {key: _read_value(message.fields[key]) for key in list(message.fields)}


def _read_list(message: Any) -> list[Any]:
    return [_read_value(item) for item in message.values]


def _read_value(message: Any) -> Any:
    kind = message.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    value = getattr(message, kind)
    if kind == "struct_value":
        return _read_struct(value)
    if kind == "list_value":
        return _read_list(value)
    if kind == "number_value" and value.is_integer() and abs(value) <= EXACT:
        return int(value)
    return value


def _write_timestamp(message: Any, value: Any) -> None:
    moment = msgspec.convert(value, datetime)
    if moment.tzinfo is None:
        raise ValueError("a time needs a time zone")
    since = moment - _EPOCH
    message.seconds = since // timedelta(seconds=1)
    message.nanos = (since - timedelta(seconds=message.seconds)).microseconds * 1000


def _write_duration(message: Any, value: Any) -> None:
    span = msgspec.convert(value, timedelta)
    # seconds and nanos have the same sign
    whole = abs(span) // timedelta(seconds=1)
    rest = (abs(span) - timedelta(seconds=whole)).microseconds * 1000
    sign = -1 if span < timedelta() else 1
    message.seconds = sign * whole
    message.nanos = sign * rest


def _write_wrapper(message: Any, value: Any) -> None:
    if value is not None and not isinstance(value, Secret):
        message.value = scalar_of(message.DESCRIPTOR.fields_by_name["value"])(value)


def _write_struct(message: Any, value: Any) -> None:
    plain = _plain(value)
    if not isinstance(plain, dict):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    for key, item in plain.items():
        _set_value(message.fields[str(key)], item)


def _write_list(message: Any, value: Any) -> None:
    plain = _plain(value)
    if not isinstance(plain, list | tuple):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    for item in plain:
        _set_value(message.values.add(), item)


def _write_value(message: Any, value: Any) -> None:
    _set_value(message, _plain(value))


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True)


def _set_value(message: Any, value: Any) -> None:
    if value is None:
        message.null_value = 0
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int | float):
        if isinstance(value, int) and abs(value) > EXACT:
            raise ValueError(f"{value} cannot be told exactly in a google.protobuf.Value")
        if not math.isfinite(value):
            raise ValueError(f"{value} is no number of JSON")
        message.number_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, dict):
        message.struct_value.SetInParent()
        _write_struct(message.struct_value, value)
    else:
        message.list_value.SetInParent()
        _write_list(message.list_value, value)


READERS: dict[str, Callable[[Any], Any]] = {
    "google.protobuf.Timestamp": _read_timestamp,
    "google.protobuf.Duration": _read_duration,
    "google.protobuf.Struct": _read_struct,
    "google.protobuf.Value": _read_value,
    "google.protobuf.ListValue": _read_list,
    **dict.fromkeys(_WRAPPERS, _read_wrapper),
}
"""What returns the plain data of a message, by the name of its type."""
WRITERS: dict[str, Callable[[Any, Any], None]] = {
    "google.protobuf.Timestamp": _write_timestamp,
    "google.protobuf.Duration": _write_duration,
    "google.protobuf.Struct": _write_struct,
    "google.protobuf.Value": _write_value,
    "google.protobuf.ListValue": _write_list,
    **dict.fromkeys(_WRAPPERS, _write_wrapper),
}
"""What puts plain data into an empty message; raises TypeError, ValueError or OverflowError."""
