"""Writing: from a declared type, once, the function that turns a value into XML text; and any value
without a type.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple

import msgspec
from hansa import Invalid
from lxml import etree

from .element import XSI, Element
from .shapes import Data, Entries, Hint, Listing, Member, Record, Scalar, Shape, slot_of
from .text import WRITERS, escape_attribute, is_name, needs_care, write_text

Write = Callable[[Data], str]

# A writer does not refer to its class, so that a class that is deployed anew takes its old writer
# with it.
_record_writers: weakref.WeakKeyDictionary[type, Write] = weakref.WeakKeyDictionary()
_NIL = f' xmlns:xsi="{XSI}" xsi:nil="true"'
_NO_NAME = (
    "is not a name that XML can write; declare an output of the type dict, written as key and value"
)


def writer(model: Hint) -> Write:
    """Build the function that writes the content of an element from a value of one type; values
    that differ are written too.

    It raises `Invalid`, naming the path, for what XML cannot hold.
    """
    return _guarded(_shape(slot_of(model).shape, {}))


def write_anything(value: Data) -> str:
    """Return the content of an element for any value: scalars, dictionaries (keys as names), lists
    (as `item`), models, elements.
    """
    return _guarded(_anything)(value)


def write_element(name: str, content: str, namespace: str = "") -> str:
    """Return an element around content that is already XML, in a namespace that its children
    inherit.
    """
    head = f'{name} xmlns="{escape_attribute(namespace)}"' if namespace else name
    return f"<{head}>{content}</{name}>" if content else f"<{head}/>"


def as_element(value: Data) -> str | None:
    """Return the XML of an lxml element, tree or wrapper as it is; None for any other value."""
    if isinstance(value, Element):
        value = value.element
    elif isinstance(value, etree._ElementTree):
        value = value.getroot()
    if not etree.iselement(value):
        return None
    return etree.tostring(value, encoding="unicode", with_tail=False)


def _guarded(write: Write) -> Write:
    def guarded(value: Data) -> str:
        try:
            return write(value)
        except RecursionError:
            raise Invalid("nested too deeply, or in itself") from None

    return guarded


def _at(path: str, invalid: Invalid) -> Invalid:
    """Return the same faults, one level further out."""
    faults = {}
    for inner, fault in invalid.errors.items():
        dot = "." if inner and inner[0] != "[" else ""
        faults[f"{path}{dot}{inner}"] = fault
    return Invalid(faults)


def _shape(shape: Shape, records: dict[int, Write]) -> Write:
    if isinstance(shape, Record):
        return _record(shape, records)
    if isinstance(shape, Listing):
        return _listing(shape, records)
    if isinstance(shape, Entries):
        return _entries(shape, records)
    return _text if isinstance(shape, Scalar) and shape.xsd == "string" else _anything


def _text(value: Data) -> str:
    """Write what should be text. PERF: nearly always it is, and has nothing in it to escape."""
    return value if type(value) is str and not needs_care(value) else _anything(value)


class _Plan(NamedTuple):
    """How one member of a record is written: what is before and after its value, and what stands
    for None.
    """

    name: str
    start: str
    end: str
    nothing: str
    write: Write


def _plan(member: Member, records: dict[int, Write]) -> _Plan:
    name = member.name
    shape = member.slot.shape
    write = _shape(shape, records)
    if isinstance(shape, Listing) and shape.bare:
        return _Plan(name, "", "", "", write)
    nothing = "" if member.none_is_default else f"<{name}{_NIL}/>"
    return _Plan(name, f"<{name}>", f"</{name}>", nothing, write)


def _record(shape: Record, records: dict[int, Write]) -> Write:
    if id(shape) in records:
        return lambda value: records[id(shape)](value)
    records[id(shape)] = lambda value: write(value)
    members = [member for member in shape.members if not _is_secret(member.slot.shape)]
    plans = [_plan(member, records) for member in members]
    get_all = _getter([member.attribute for member in members])

    def write(value: Data) -> str:
        given = plans
        values: Iterable[Data]
        if isinstance(value, dict):
            given = [plan for plan in plans if plan.name in value]
            values = [value[plan.name] for plan in given]
        else:
            try:
                values = get_all(value)
            except AttributeError:
                return write(dict(value)) if isinstance(value, Mapping) else _anything(value)
        parts = []
        name = ""
        try:
            # PERF: a tuple is unpacked faster than its parts are looked up
            for of, item in zip(given, values, strict=True):
                name, start, end, nothing, write_one = of
                parts.append(nothing if item is None else f"{start}{write_one(item)}{end}")
        except Invalid as invalid:
            raise _at(name, invalid) from None
        return "".join(parts)

    return write


def _is_secret(shape: Shape) -> bool:
    return isinstance(shape, Scalar) and shape.secret


def _getter(attributes: list[str]) -> Callable[[Data], tuple[Data, ...]]:
    """Return the function that reads all these attributes of a value."""
    if len(attributes) > 1:
        return attrgetter(*attributes)
    return lambda value: tuple(getattr(value, name) for name in attributes)


def _listing(shape: Listing, records: dict[int, Write]) -> Write:
    write_item = _shape(shape.item.shape, records)

    def write(value: Data) -> str:
        if isinstance(value, list | tuple):
            return _items(value, write_item)
        if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
            return _anything(value)
        return _items(value, write_item)

    return write


def _items(values: Iterable[Data], write_item: Write) -> str:
    parts = []
    try:
        for item in values:
            parts.append(f"<item{_NIL}/>" if item is None else f"<item>{write_item(item)}</item>")
    except Invalid as invalid:
        raise _at(f"[{len(parts)}]", invalid) from None
    return "".join(parts)


def _entries(shape: Entries, records: dict[int, Write]) -> Write:
    write_key = _shape(shape.key.shape, records)
    write_value = _shape(shape.value.shape, records)

    def write(value: Data) -> str:
        if not isinstance(value, Mapping):
            return _anything(value)
        parts = []
        key: object = ""
        try:
            for key, item in value.items():
                written = f"<value{_NIL}/>"
                if item is not None:
                    written = f"<value>{write_value(item)}</value>"
                parts.append(f"<item><key>{write_key(key)}</key>{written}</item>")
        except Invalid as invalid:
            raise _at(_shown(key), invalid) from None
        return "".join(parts)

    return write


def _shown(key: object) -> str:
    """Return a key as a fault names it."""
    return str(key).encode("ascii", "backslashreplace").decode()


def _anything(value: Data) -> str:
    """Write by what the value is."""
    write = WRITERS.get(type(value))  # PERF: what `write_text` does first, without a call
    text = write_text(value) if write is None else write(value)
    if text is not None:
        return text
    if isinstance(value, Mapping):
        return _named(value)
    if isinstance(value, list | tuple | set | frozenset):
        return _items(value, _anything)
    found = as_element(value)
    if found is not None:
        return found
    return _object(value)


def _object(value: Data) -> str:
    """Write a model, or what is turned into data by itself."""
    if hasattr(value, "__dataclass_fields__") or isinstance(value, msgspec.Struct):
        return _record_of(value)
    if hasattr(value, "model_dump"):
        return _anything(value.model_dump(mode="json"))
    if hasattr(value, "to_data"):
        return _anything(value.to_data())
    if hasattr(value, "__iter__"):
        return _items(value, _anything)
    raise Invalid(f"a value of the type {type(value).__name__} cannot be written as XML")


def _named(value: Mapping[object, Data]) -> str:
    """Write a dictionary as elements named by its keys."""
    parts = []
    for key, item in value.items():
        name = key if isinstance(key, str) else write_text(key)
        if name is None or not is_name(name):
            raise Invalid({_shown(key): _NO_NAME})
        if item is None:
            parts.append(f"<{name}{_NIL}/>")
            continue
        try:
            parts.append(f"<{name}>{_anything(item)}</{name}>")
        except Invalid as invalid:
            raise _at(name, invalid) from None
    return "".join(parts)


def _record_of(value: Data) -> str:
    """Write a model that is found where none was declared."""
    kind = type(value)
    write = _record_writers.get(kind)
    if write is None:
        write = _record_writers[kind] = _shape(slot_of(kind).shape, {})
    return write(value)
