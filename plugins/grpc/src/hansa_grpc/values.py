"""Messages of protobuf as plain data, and plain data as messages."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from hansa import Invalid, Secret

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

Faults: TypeAlias = dict[str, str]
EXACT = 1 << 53
"""Up to here every integer is a number of google.protobuf.Value, which has doubles."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRAPPERS = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How one field is read and written."""

    name: str
    is_map: bool
    is_list: bool
    has_presence: bool
    value: FieldDescriptor
    """The field, or the value of its entries, if it is a map."""
    read: Callable[[Any], Any]


class Values:
    """Converts messages of one set of descriptors; what it learns of a type it keeps."""

    def __init__(self) -> None:
        self._plans: dict[str, dict[str, FieldPlan]] = {}
        self._readers: dict[str, Callable[[Any], Any]] = {
            "google.protobuf.Timestamp": _read_timestamp,
            "google.protobuf.Duration": _read_duration,
            "google.protobuf.Struct": _read_struct,
            "google.protobuf.Value": _read_value,
            "google.protobuf.ListValue": _read_list,
            **dict.fromkeys(_WRAPPERS, _read_wrapper),
        }
        self._writers: dict[str, Callable[[Message, Any], None]] = {
            "google.protobuf.Timestamp": _write_timestamp,
            "google.protobuf.Duration": _write_duration,
            "google.protobuf.Struct": _write_struct,
            "google.protobuf.Value": _write_value,
            "google.protobuf.ListValue": _write_list,
        }

    # -- reading -----------------------------------------------------------------------------------

    def read(self, message: Message) -> Any:
        """Return the plain data of a message: fields by the names of the .proto; those that know
        whether they were sent, and were not, are left out.
        """
        special = self._readers.get(message.DESCRIPTOR.full_name)
        if special is not None:
            return special(message)
        found: dict[str, Any] = {}
        for plan in self._plan(message.DESCRIPTOR).values():
            if plan.has_presence and not message.HasField(plan.name):
                continue
            value = getattr(message, plan.name)
            if plan.is_map:
                # of a map that is read by its keys, a message is made for each that is missing
                found[plan.name] = {key: plan.read(value[key]) for key in list(value)}
            elif plan.is_list:
                is_plain = plan.read is _same
                found[plan.name] = list(value) if is_plain else [plan.read(item) for item in value]
            else:
                found[plan.name] = plan.read(value)
        return found

    def _plan(self, descriptor: Descriptor) -> dict[str, FieldPlan]:
        """Return how the fields of a message are read and written, by their names."""
        known = self._plans.get(descriptor.full_name)
        if known is None:
            known = {field.name: self._planned(field) for field in descriptor.fields}
            self._plans[descriptor.full_name] = known
        return known

    def _planned(self, field: FieldDescriptor) -> FieldPlan:
        entry = field.message_type
        is_map = entry is not None and entry.GetOptions().map_entry
        value = entry.fields_by_name["value"] if is_map else field
        return FieldPlan(
            field.name,
            is_map,
            field.is_repeated and not is_map,
            field.has_presence,
            value,
            self._reader(value),
        )

    def _reader(self, field: FieldDescriptor) -> Callable[[Any], Any]:
        if field.message_type is not None:
            return self.read
        if field.enum_type is not None:
            names = {number: one.name for number, one in field.enum_type.values_by_number.items()}
            return lambda number: names.get(number, number)
        return _same

    # -- writing -----------------------------------------------------------------------------------

    def write(self, message: Message, value: Any) -> None:
        """Put plain data, or an object of a declared type, into an empty message.

        Raises `Invalid` with all faults, by the path of the field; a name that the message does not
        have is one.
        """
        faults: Faults = {}
        self._fill(message, value, "", faults)
        if faults:
            raise Invalid(faults)

    def _fill(self, message: Message, value: Any, path: str, faults: Faults) -> None:
        name = message.DESCRIPTOR.full_name
        writer = self._writers.get(name)
        try:
            if writer is not None:
                writer(message, value)
                return
            if name in _WRAPPERS:
                value = {"value": value}
            given = members_of(value)
        except (ValueError, TypeError, OverflowError) as error:
            faults[path] = str(error)
            return
        plans = self._plan(message.DESCRIPTOR)
        for key, item in given.items():
            here = f"{path}.{key}" if path else str(key)
            plan = plans.get(key)
            if plan is None:
                faults[here] = f"{name} has no such field"
            elif item is not None and not isinstance(item, Secret):
                self._put(message, plan, item, here, faults)

    def _put(
        self, message: Message, plan: FieldPlan, value: Any, path: str, faults: Faults
    ) -> None:
        try:
            if plan.is_map:
                self._put_map(getattr(message, plan.name), plan, value, path, faults)
            elif plan.is_list:
                self._put_list(getattr(message, plan.name), plan, value, path, faults)
            elif plan.value.message_type is not None:
                inner = getattr(message, plan.name)
                inner.SetInParent()
                self._fill(inner, value, path, faults)
            else:
                setattr(message, plan.name, scalar(plan.value, value))
        except (ValueError, TypeError, OverflowError) as error:
            faults[path] = str(error)

    def _put_map(self, target: Any, plan: FieldPlan, value: Any, path: str, faults: Faults) -> None:
        if not isinstance(value, Mapping):
            raise TypeError(f"expected an object, got {type(value).__name__}")
        for key, item in value.items():
            if isinstance(item, Secret):
                continue
            if plan.value.message_type is not None:
                self._fill(target[key], item, f"{path}.{key}", faults)
            else:
                target[key] = scalar(plan.value, item)

    def _put_list(
        self, target: Any, plan: FieldPlan, value: Any, path: str, faults: Faults
    ) -> None:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise TypeError(f"expected a list, got {type(value).__name__}")
        for index, item in enumerate(value):
            if isinstance(item, Secret):
                continue
            if plan.value.message_type is not None:
                self._fill(target.add(), item, f"{path}[{index}]", faults)
            else:
                target.append(scalar(plan.value, item))


def members_of(value: Any) -> Mapping[str, Any]:
    """Return the members of an object by name; raises TypeError for what has none."""
    if isinstance(value, Mapping):
        return value
    if value is None:
        return {}
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        given = {one.encode_name: getattr(value, one.name) for one in fields}
        return {name: one for name, one in given.items() if one is not msgspec.UNSET}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in _names_of(type(value))}
    if hasattr(value, "model_dump"):
        found: dict[str, Any] = value.model_dump()
        return found
    raise TypeError(f"expected an object, got {type(value).__name__}")


@lru_cache(1000)
def _names_of(kind: type) -> tuple[str, ...]:
    """Return the names of the fields of a dataclass."""
    return tuple(one.name for one in dataclasses.fields(kind))


def scalar(field: FieldDescriptor, value: Any) -> Any:
    """Return a value as a field takes it; raises TypeError or ValueError for one of another kind."""
    if isinstance(value, Enum):
        value = value.value
    if field.enum_type is not None:
        return _enumerated(field, value)
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        return _text_or_bytes(field, value)
    if kind == field.CPPTYPE_BOOL:
        return _of(value, bool)
    if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return float(_of(value, int, float, Decimal))
    return _of(value, int)


def _of(value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"expected {expected}, got {type(value).__name__}")
    return value


def _enumerated(field: FieldDescriptor, value: Any) -> Any:
    if isinstance(value, str):
        known = field.enum_type.values_by_name.get(value)
        if known is None:
            names = ", ".join(field.enum_type.values_by_name)
            raise ValueError(f"{value!r} is none of {names}")
        return known.number
    return _of(value, int)


def _text_or_bytes(field: FieldDescriptor, value: Any) -> str | bytes:
    if field.type == field.TYPE_BYTES:
        return bytes(_of(value, bytes, bytearray, memoryview))
    # times, decimal numbers and UUIDs as JSON has them
    plain = value if isinstance(value, str) else msgspec.to_builtins(value)
    if not isinstance(plain, str):
        raise TypeError(f"expected str, got {type(value).__name__}")
    return plain


def _same(value: Any) -> Any:
    return value


# -- types that protobuf itself declares -----------------------------------------------------------


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
