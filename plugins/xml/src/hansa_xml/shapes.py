"""What a declared type looks like in XML: read once from the type, then used to read, to write and
to write the schema.

| declared | in XML |
|---|---|
| text, number, boolean, date and the like, enumeration | text |
| model, dataclass, struct, typed dictionary | one child element for each field |
| list, set, tuple | `<item>` elements inside the element of the field (or the element itself, repeated) |
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

Hint = Any
"""A type as annotations name it: whatever msgspec or pydantic reads."""
Data = Any
"""Plain data, or a value, of any type."""


@dataclasses.dataclass(slots=True, eq=False)
class Anything:
    """Whatever the document holds."""


@dataclasses.dataclass(slots=True, eq=False)
class Scalar:
    """Text of a type of XML Schema (`xsd`), with that schema's restrictions; `values` by their
    texts if they are enumerated.
    """

    xsd: str
    facets: dict[str, float] = dataclasses.field(default_factory=dict)
    values: dict[str, object] | None = None
    secret: bool = False


@dataclasses.dataclass(slots=True, eq=False)
class Listing:
    """Any number of one thing; `each` has the first ones where they differ.

    It is `bare` where it is a field named `item`: that name already says what a list's elements are
    called.
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
    """A field of a record: `attribute` is its name in Python, `name` in XML; None is left out if
    that is the default.
    """

    name: str
    attribute: str
    slot: Slot
    required: bool
    none_is_default: bool


_SCALARS: dict[type[inspect.Type], str] = {
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
RecordType = inspect.DataclassType | inspect.StructType | inspect.TypedDictType


def slot_of(model: Hint) -> Slot:
    """Return the shape of a type; raises TypeError for one that msgspec does not know or that has
    unwritable names.
    """
    return _slot(inspect.type_info(model), {})


def _slot(info: inspect.Type, records: dict[int, Record]) -> Slot:
    help = ""
    if isinstance(info, inspect.Metadata):
        help = str((info.extra_json_schema or {}).get("description", ""))
        info = info.type
    if isinstance(info, inspect.UnionType):
        return _union(info, help, records)
    nillable = isinstance(info, inspect.NoneType | inspect.AnyType)
    return Slot(_shape(info, records), nillable, help)


def _union(info: inspect.UnionType, help: str, records: dict[int, Record]) -> Slot:
    options = [option for option in info.types if not isinstance(option, inspect.NoneType)]
    nillable = len(options) < len(info.types)
    slots = [_slot(option, records) for option in options]
    if len(slots) != 1:
        return Slot(Choice([slot.shape for slot in slots]), nillable, help)
    inner = slots[0]
    return Slot(inner.shape, nillable or inner.nillable, help or inner.help)


def _shape(info: inspect.Type, records: dict[int, Record]) -> Shape:
    scalar = _scalar(info)
    if scalar is not None:
        return scalar
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


def _scalar(info: inspect.Type) -> Scalar | None:
    xsd = _SCALARS.get(type(info))
    if xsd is not None:
        return Scalar(xsd, {} if xsd == "base64Binary" else _facets(info))
    if isinstance(info, inspect.EnumType):
        return _enumerated(tuple(member.value for member in info.cls))
    if isinstance(info, inspect.LiteralType):
        return _enumerated(info.values)
    if isinstance(info, inspect.CustomType):
        cls = info.cls
        if isinstance(cls, type) and issubclass(cls, str):
            return Scalar("string", secret=issubclass(cls, Secret))
    return None


def _facets(info: inspect.Type) -> dict[str, float]:
    """Return the limits of a type in the words of XML Schema."""
    limits = {facet: getattr(info, limit, None) for limit, facet in _FACETS.items()}
    return {facet: limit for facet, limit in limits.items() if limit is not None}


def _enumerated(values: tuple[object, ...]) -> Scalar:
    whole = all(isinstance(value, int) for value in values)
    return Scalar("integer" if whole else "string", values={str(value): value for value in values})


def _record(info: RecordType, records: dict[int, Record]) -> Record:
    """Read a record's members; a record inside itself is the same object."""
    if id(info) in records:
        return records[id(info)]
    name = getattr(info.cls, "__name__", "record")
    document = (info.cls.__doc__ or "").strip()
    if document.startswith(f"{name}("):  # a dataclass without a docstring gets its signature
        document = ""
    record = records[id(info)] = Record(name, document)
    for field in _as_declared(info):
        if not is_name(field.encode_name):
            raise TypeError(f"the field {field.name} of {name} has a name that XML cannot write")
        record.members.append(_member(field, _slot(field.type, records)))
    return record


def _as_declared(info: RecordType) -> list[inspect.Field]:
    """Return the fields in the order of their declaration; msgspec lists required ones first."""
    found = {field.name: field for field in info.fields}
    if not dataclasses.is_dataclass(info.cls):
        return list(found.values())
    names = [field.name for field in dataclasses.fields(info.cls)]
    return [found[name] for name in names if name in found]


def _member(field: inspect.Field, slot: Slot) -> Member:
    shape = slot.shape
    if isinstance(shape, Listing):
        shape.bare = field.encode_name == "item"
    none_is_default = field.default is None
    if field.default is msgspec.NODEFAULT:
        none_is_default = field.default_factory is type(None)
    secret = isinstance(shape, Scalar) and shape.secret
    required = field.required and not secret
    return Member(field.encode_name, field.name, slot, required, none_is_default)
