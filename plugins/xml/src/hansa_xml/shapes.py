"""What a declared type looks like in XML: read once from the type, then used to read, to write and to write the schema.

| declared | in XML |
|---|---|
| text, number, boolean, date and the like, enumeration | text |
| model, dataclass, struct, typed dictionary | one child element for each field |
| list, set, tuple | `<item>` elements inside the element of the field (read also: the element itself, repeated) |
| list in a field named `item` | the elements themselves, repeated |
| dictionary | `<item><key/><value/></item>` elements (read also: the keys as names of elements) |
| None | `xsi:nil="true"`, or no element where None is the default |
"""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
from hansa import Secret
from msgspec import inspect

from .text import is_name


@dataclasses.dataclass(slots=True, eq=False)
class Anything:
    """Whatever the document holds."""


@dataclasses.dataclass(slots=True, eq=False)
class Scalar:
    """Text of a type of XML Schema (`xsd`), with that schema's restrictions; `values` by their texts if they are enumerated."""

    xsd: str
    facets: dict[str, Any] = dataclasses.field(default_factory=dict)
    values: dict[str, Any] | None = None
    secret: bool = False


@dataclasses.dataclass(slots=True, eq=False)
class Listing:
    """Any number of one thing; `each` tells the first ones apart where they differ.

    It is `bare` where it is a field named `item`: that name already says what a list's elements are called.
    """

    item: Slot
    least: int = 0
    most: int | None = None
    each: tuple[Slot, ...] = ()
    bare: bool = False


@dataclasses.dataclass(slots=True, eq=False)
class Entries:
    """Keys and values."""

    key: Slot
    value: Slot


@dataclasses.dataclass(slots=True, eq=False)
class Record:
    """Named members, in the order of their declaration."""

    name: str
    help: str = ""
    members: list[Member] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True, eq=False)
class Choice:
    """One of several."""

    options: list[Shape]


Shape = Anything | Scalar | Listing | Entries | Record | Choice


@dataclasses.dataclass(slots=True, eq=False)
class Slot:
    """A place for something, or for None where it is `nillable`."""

    shape: Shape
    nillable: bool = False
    help: str = ""


@dataclasses.dataclass(slots=True, eq=False)
class Member:
    """A field of a record: `attribute` is its name in Python, `name` in XML; None is left out if that is the default."""

    name: str
    attribute: str
    slot: Slot
    required: bool
    none_is_default: bool


_SCALARS: dict[type[Any], str] = {
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.FloatType: "double",
    inspect.StrType: "string",
    inspect.BytesType: "base64Binary",
    inspect.ByteArrayType: "base64Binary",
    inspect.MemoryViewType: "base64Binary",
    inspect.DateTimeType: "dateTime",
    inspect.DateType: "date",
    inspect.TimeType: "time",
    inspect.TimeDeltaType: "duration",
    inspect.UUIDType: "token",
    inspect.DecimalType: "decimal",
}
_FACETS = {
    "ge": "minInclusive",
    "gt": "minExclusive",
    "le": "maxInclusive",
    "lt": "maxExclusive",
    "min_length": "minLength",
    "max_length": "maxLength",
}
_LISTS = (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType)
_RECORDS = (inspect.DataclassType, inspect.StructType, inspect.TypedDictType)


def slot_of(model: Any) -> Slot:
    """The shape of a type; raises TypeError for one that msgspec does not know or that has unwritable names."""
    return _slot(inspect.type_info(model), {})


def _slot(info: Any, records: dict[int, Record]) -> Slot:
    help = ""
    if isinstance(info, inspect.Metadata):
        help = (info.extra_json_schema or {}).get("description", "")
        info = info.type
    nillable = False
    if isinstance(info, inspect.UnionType):
        options = [option for option in info.types if not isinstance(option, inspect.NoneType)]
        nillable = len(options) < len(info.types)
        if len(options) != 1:
            return Slot(
                Choice([_slot(option, records).shape for option in options]), nillable, help
            )
        inner = _slot(options[0], records)
        return Slot(inner.shape, nillable or inner.nillable, help or inner.help)
    if isinstance(info, inspect.NoneType | inspect.AnyType):
        nillable = True
    return Slot(_shape(info, records), nillable, help)


def _shape(info: Any, records: dict[int, Record]) -> Shape:
    kind = type(info)
    if kind in _SCALARS:
        limits = {facet: getattr(info, limit, None) for limit, facet in _FACETS.items()}
        facets = (
            {}
            if _SCALARS[kind] == "base64Binary"
            else {f: limit for f, limit in limits.items() if limit is not None}
        )
        return Scalar(_SCALARS[kind], facets)
    if isinstance(info, inspect.EnumType):
        return _enumerated(tuple(member.value for member in info.cls))
    if isinstance(info, inspect.LiteralType):
        return _enumerated(info.values)
    if (
        isinstance(info, inspect.CustomType)
        and isinstance(info.cls, type)
        and issubclass(info.cls, str)
    ):
        return Scalar("string", secret=issubclass(info.cls, Secret))
    if isinstance(info, _LISTS):
        return Listing(_slot(info.item_type, records), info.min_length or 0, info.max_length)
    if isinstance(info, inspect.DictType):
        return Entries(_slot(info.key_type, records), _slot(info.value_type, records))
    if isinstance(info, inspect.TupleType):
        each = tuple(_slot(item, records) for item in info.item_types)
        return Listing(Slot(Anything(), True), len(each), len(each), each)
    if isinstance(info, _RECORDS) and not getattr(info, "array_like", False):
        return _record(info, records)
    return Anything()


def _enumerated(values: tuple[Any, ...]) -> Scalar:
    whole = all(isinstance(value, int) for value in values)
    return Scalar("integer" if whole else "string", values={str(value): value for value in values})


def _record(info: Any, records: dict[int, Record]) -> Record:
    """Read a record's members; a record inside itself is the same object."""
    if id(info) in records:
        return records[id(info)]
    name = getattr(info.cls, "__name__", "record")
    document = (info.cls.__doc__ or "").strip()
    if document.startswith(f"{name}("):  # a dataclass without a docstring gets its signature
        document = ""
    record = records[id(info)] = Record(name, document)
    found = {field.name: field for field in info.fields}
    if dataclasses.is_dataclass(
        info.cls
    ):  # msgspec tells required fields first; a declaration's order is the author's
        found = {
            field.name: found[field.name]
            for field in dataclasses.fields(info.cls)
            if field.name in found
        }
    for field in found.values():
        if not is_name(field.encode_name):
            raise TypeError(
                f"the field {field.name} of {info.cls.__name__} has a name that XML cannot write"
            )
        slot = _slot(field.type, records)
        if isinstance(slot.shape, Listing):
            slot.shape.bare = field.encode_name == "item"
        nothing = field.default is None or (
            field.default is msgspec.NODEFAULT and field.default_factory is type(None)
        )
        secret = isinstance(slot.shape, Scalar) and slot.shape.secret
        record.members.append(
            Member(field.encode_name, field.name, slot, field.required and not secret, nothing)
        )
    return record
