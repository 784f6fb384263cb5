"""Writing: from a declared type, once, the function that turns a value into XML text; and any value without a type."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec
from hansa import Invalid
from lxml import etree

from .element import XSI, Element
from .shapes import Entries, Listing, Record, Scalar, Shape, slot_of
from .text import WRITERS, escape_attribute, is_name, needs_care, write_text

Write = Callable[[Any], str]

# A writer does not refer to its class, so that a class that is deployed anew takes its old writer with it.
_record_writers: weakref.WeakKeyDictionary[type, Write] = weakref.WeakKeyDictionary()
_NIL = f' xmlns:xsi="{XSI}" xsi:nil="true"'


def writer(model: Any) -> Write:
    """Build the function that writes the content of an element from a value of one type; values that differ are written too.

    It raises `Invalid`, naming the path, for what XML cannot hold.
    """
    return _guarded(_shape(slot_of(model).shape, {}))


def write_anything(value: Any) -> str:
    """The content of an element for any value: scalars, dictionaries (keys as names), lists (as `item`), models, elements."""
    return _guarded(_anything)(value)


def write_element(name: str, content: str, namespace: str = "") -> str:
    """An element around content that is already XML, in a namespace that its children inherit."""
    head = f'{name} xmlns="{escape_attribute(namespace)}"' if namespace else name
    return f"<{head}>{content}</{name}>" if content else f"<{head}/>"


def as_element(value: Any) -> str | None:
    """The XML of an lxml element, tree or wrapper as it is; None for any other value."""
    if isinstance(value, Element):
        value = value.element
    elif isinstance(value, etree._ElementTree):
        value = value.getroot()
    if not etree.iselement(value):
        return None
    return etree.tostring(value, encoding="unicode", with_tail=False)


def _guarded(write: Write) -> Write:
    def guarded(value: Any) -> str:
        try:
            return write(value)
        except RecursionError:
            raise Invalid("nested too deeply, or in itself") from None

    return guarded


def _at(path: str, invalid: Invalid) -> Invalid:
    """The same faults, one level further out."""
    return Invalid(
        {
            (f"{path}{p}" if not p or p[0] == "[" else f"{path}.{p}"): fault
            for p, fault in invalid.errors.items()
        }
    )


def _shape(shape: Shape, records: dict[int, Write]) -> Write:
    if isinstance(shape, Record):
        return _record(shape, records)
    if isinstance(shape, Listing):
        return _listing(shape, records)
    if isinstance(shape, Entries):
        return _entries(shape, records)
    return _text if isinstance(shape, Scalar) and shape.xsd == "string" else _anything


def _text(value: Any) -> str:
    """Write what should be text. PERF: nearly always it is, and has nothing in it to escape."""
    return value if type(value) is str and not needs_care(value) else _anything(value)


def _record(shape: Record, records: dict[int, Write]) -> Write:
    if id(shape) in records:
        return lambda value: records[id(shape)](value)
    records[id(shape)] = lambda value: write(value)
    members = [m for m in shape.members if not getattr(m.slot.shape, "secret", False)]
    plan = []
    for m in members:
        bare = getattr(m.slot.shape, "bare", False)
        start, end = ("", "") if bare else (f"<{m.name}>", f"</{m.name}>")
        nothing = "" if m.none_is_default or bare else f"<{m.name}{_NIL}/>"
        plan.append((m.name, start, end, nothing, _shape(m.slot.shape, records)))
    get_all = _getter([m.attribute for m in members])

    def write(value: Any) -> str:
        here = plan
        values: tuple[Any, ...]
        if isinstance(value, dict):
            here = [entry for entry in plan if entry[0] in value]
            values = tuple(value[entry[0]] for entry in here)
        else:
            try:
                values = get_all(value)
            except AttributeError:
                return write(dict(value)) if isinstance(value, Mapping) else _anything(value)
        parts = []
        name = ""
        try:
            for (name, start, end, nothing, write_one), item in zip(here, values, strict=True):  # noqa: B007
                parts.append(nothing if item is None else f"{start}{write_one(item)}{end}")
        except Invalid as invalid:
            raise _at(name, invalid) from None
        return "".join(parts)

    return write


def _getter(attributes: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """The function that gives all these attributes of a value."""
    if len(attributes) > 1:
        return attrgetter(*attributes)
    return lambda value: tuple(getattr(value, name) for name in attributes)


def _listing(shape: Listing, records: dict[int, Write]) -> Write:
    write_item = _shape(shape.item.shape, records)

    def write(value: Any) -> str:
        if not isinstance(value, list | tuple) and (
            isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__")
        ):
            return _anything(value)
        return _items(value, write_item)

    return write


def _items(values: Any, write_item: Write) -> str:
    parts = []
    try:
        for item in values:
            parts.append(f"<item{_NIL}/>" if item is None else f"<item>{write_item(item)}</item>")
    except Invalid as invalid:
        raise _at(f"[{len(parts)}]", invalid) from None
    return "".join(parts)


def _entries(shape: Entries, records: dict[int, Write]) -> Write:
    write_key, write_value = _shape(shape.key.shape, records), _shape(shape.value.shape, records)

    def write(value: Any) -> str:
        if not isinstance(value, Mapping):
            return _anything(value)
        parts = []
        key: Any = ""
        try:
            for key, item in value.items():
                content = (
                    f"<value{_NIL}/>" if item is None else f"<value>{write_value(item)}</value>"
                )
                parts.append(f"<item><key>{write_key(key)}</key>{content}</item>")
        except Invalid as invalid:
            raise _at(str(key).encode("ascii", "backslashreplace").decode(), invalid) from None
        return "".join(parts)

    return write


def _anything(value: Any) -> str:
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
    if hasattr(value, "__dataclass_fields__") or isinstance(value, msgspec.Struct):
        return _record_of(value)
    if hasattr(value, "model_dump"):
        return _anything(value.model_dump(mode="json"))
    if hasattr(value, "to_data"):
        return _anything(value.to_data())
    if hasattr(value, "__iter__"):
        return _items(value, _anything)
    raise Invalid(f"a value of the type {type(value).__name__} cannot be written as XML")


def _named(value: Mapping[Any, Any]) -> str:
    """Write a dictionary as elements named by its keys."""
    parts = []
    for key, item in value.items():
        name = key if isinstance(key, str) else write_text(key)
        if name is None or not is_name(name):
            shown = str(key).encode("ascii", "backslashreplace").decode()
            raise Invalid(
                {
                    shown: "is not a name that XML can write; declare an output of the type dict, written as key and value"
                }
            )
        try:
            parts.append(
                f"<{name}{_NIL}/>" if item is None else f"<{name}>{_anything(item)}</{name}>"
            )
        except Invalid as invalid:
            raise _at(name, invalid) from None
    return "".join(parts)


def _record_of(value: Any) -> str:
    """Write a model that is found where none was declared."""
    kind = type(value)
    write = _record_writers.get(kind)
    if write is None:
        write = _record_writers[kind] = _shape(slot_of(kind).shape, {})
    return write(value)
