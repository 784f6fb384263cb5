"""Reading: from a declared type, once, the function that turns an element into a validated value of that type."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

import msgspec
from hansa import Invalid, Model, decode_hook, explain, fields, learn, load
from lxml import etree

from .element import NIL, is_nil, local_children, to_data
from .parser import local_name
from .scalars import XML_SPACE, Convert, Unreadable, converter
from .shapes import Anything, Choice, Entries, Listing, Record, Scalar, Shape, Slot, slot_of

Read = Callable[[etree._Element], Any]


def reader(model: Any) -> Read:
    """Build the function that reads one type; it raises `Invalid` with all faults, by path.

    A Model's `check` runs; elements that are not declared are ignored. Pydantic models validate themselves.
    """
    if hasattr(model, "model_validate"):
        return lambda element: _pydantic(model, to_data(element))
    shaped = data_reader(model)
    # PERF: `load` also walks the value to run checks, which is only needed where a model has one of its own.
    build = _checked(model) if _overrides_check(model, set()) else _converted(model)

    def read(element: etree._Element) -> Any:
        data = shaped(element)
        try:
            return build(data)
        except Invalid as invalid:
            raise _all_faults(invalid, data) from None
        except (msgspec.ValidationError, ValueError, RecursionError) as error:
            raise _all_faults(explain(data, model) or Invalid(str(error)), data) from None

    return read


def _converted(model: Any) -> Callable[[Any], Any]:
    learn(model)
    return lambda data: msgspec.convert(data, model, dec_hook=decode_hook)


def _checked(model: Any) -> Callable[[Any], Any]:
    """Convert and run the checks of all models inside."""
    if isinstance(model, type) and issubclass(model, Model):
        return lambda data: load(model, data, unknown=False)
    whole: Any = type(
        "Whole",
        (Model,),
        {"__annotations__": {"value": model}, "__doc__": "What is in a list, say."},
    )

    def build(data: Any) -> Any:
        try:
            return load(whole, {"value": data}, unknown=False).value
        except Invalid as invalid:
            raise Invalid(
                {p.removeprefix("value").lstrip("."): fault for p, fault in invalid.errors.items()}
            ) from None

    return build


def data_reader(model: Any) -> Read:
    """Build the function that gives plain data in the shape of a type, unvalidated, for `msgspec.convert`."""
    slot = slot_of(model)
    records: dict[int, Read] = {}
    if isinstance(slot.shape, Listing):
        read_all = _listing(slot.shape, records)
        return lambda element: read_all([element])
    return _slot(slot, records)


_data_readers: weakref.WeakKeyDictionary[type, Read] = weakref.WeakKeyDictionary()


def shaped_data(element: etree._Element, model: Any) -> Any:
    """Plain data in the shape of a type; raises `Invalid` naming what could not be read.

    PERF: the reader of a class is kept as long as the class is; it does not refer to it.
    """
    if not isinstance(model, type):
        return readable_data(data_reader(model)(element))
    read = _data_readers.get(model)
    if read is None:
        read = _data_readers[model] = data_reader(model)
    return readable_data(read(element))


def readable_data(data: Any) -> Any:
    """The data, if all of it could be read; raises `Invalid` naming what could not."""
    if faults := dict(_unreadable(data, "")):
        raise Invalid(faults)
    return data


def _slot(slot: Slot, records: dict[int, Read]) -> Read:
    """Read one occurrence; an empty element is None where None may be and text may not."""
    read = _shape(slot.shape, records)
    if not slot.nillable or isinstance(slot.shape, Anything | Listing):
        return read
    empty_is_text = _holds_text(slot.shape)

    def nillable(element: etree._Element) -> Any:
        if element.text is None and not len(element):
            if is_nil(element):
                return None
            if not empty_is_text and not element.keys():
                return None
        return read(element)

    return nillable


def _holds_text(shape: Shape) -> bool:
    if isinstance(shape, Choice):
        return any(_holds_text(option) for option in shape.options)
    return isinstance(shape, Scalar) and shape.xsd == "string" and shape.values is None


def _shape(shape: Shape, records: dict[int, Read]) -> Read:
    if isinstance(shape, Scalar):
        return _scalar(shape)
    if isinstance(shape, Record):
        return _record(shape, records)
    if isinstance(shape, Entries):
        return _entries(shape, records)
    if isinstance(shape, Choice):
        return _choice(shape, records)
    if isinstance(shape, Listing):
        read_all = _listing(shape, records)
        return lambda element: read_all([element])
    return to_data


def _scalar(shape: Scalar) -> Read:
    convert = converter(shape)

    def read(element: etree._Element) -> Any:
        text = element.text
        if len(element):
            return Unreadable("expected text, got elements")
        if text is None:
            if element.get(NIL) is not None and is_nil(element):
                return None
            text = ""
        return text if convert is None else convert(text)

    return read


def _record(shape: Record, records: dict[int, Read]) -> Read:
    if id(shape) in records:  # inside itself: its reader is there by the time it is called
        return lambda element: records[id(shape)](element)
    records[id(shape)] = lambda element: read(element)
    once: dict[str, Read] = {}
    repeated: dict[str, Callable[[Sequence[etree._Element]], Any]] = {}
    attributes: dict[str, Convert | None] = {}
    bare = False
    for member in shape.members:
        inner = member.slot.shape
        if isinstance(inner, Listing):
            repeated[member.name] = _listing(inner, records)
            bare = bare or (inner.bare and member.required)
        else:
            once[member.name] = _slot(member.slot, records)
        if isinstance(inner, Scalar):
            attributes[member.name] = converter(inner)
    # PERF: what a whole tag means, namespace and all, is looked up; there are at most four namespaces of each in the table.
    known: dict[str, tuple[str, Read | None]] = {}
    most = 4 * len(shape.members)

    def learn(tag: str) -> tuple[str, Read | None] | None:
        name = local_name(tag)
        if name not in once and name not in repeated:
            return None
        found = (name, once.get(name))
        if len(known) < most:
            known[tag] = found
        return found

    def read(element: etree._Element) -> Any:
        data: dict[str, Any] = {}
        for child in element:
            tag = child.tag
            found = known.get(tag) or learn(tag)
            if found is None:
                continue
            name, read_one = found
            if read_one is None:
                data.setdefault(name, []).append(child)
            else:
                data[name] = Unreadable("given more than once") if name in data else read_one(child)
        if repeated:
            if bare and "item" not in data:
                data["item"] = []
            for name, read_all in repeated.items():
                if name in data:
                    data[name] = read_all(data[name])
        for attribute, text in element.items():
            if attribute in attributes and attribute not in data:
                convert = attributes[str(attribute)]
                data[str(attribute)] = text if convert is None else convert(str(text))
        if (
            not data
            and element.text is not None
            and not len(element)
            and element.text.strip(XML_SPACE)
        ):
            return Unreadable("expected elements, got text")
        return data

    return read


def _listing(shape: Listing, records: dict[int, Read]) -> Callable[[Sequence[etree._Element]], Any]:
    """Read a list from its elements: one that holds only `item` elements, or else each element is an item itself."""
    read_item = _slot(shape.item, records)
    each = [_slot(slot, records) for slot in shape.each]

    def read_items(elements: Sequence[etree._Element]) -> list[Any]:
        if each:
            readers = each + [read_item] * (len(elements) - len(each))
            return [read_one(element) for read_one, element in zip(readers, elements, strict=False)]
        return [read_item(element) for element in elements]

    def read(elements: Sequence[etree._Element]) -> Any:
        if len(elements) == 1 and not shape.bare:
            only = elements[0]
            if len(only):
                tag = only[0].tag
                if local_name(tag) == "item":
                    items = list(
                        only.iterchildren(tag)
                    )  # PERF: lxml compares, and gives the elements at once
                    if len(items) == len(only) or all(
                        local_name(child.tag) == "item" for child in only
                    ):
                        return read_items(list(only) if len(items) < len(only) else items)
            elif is_nil(only):
                return None
            elif not (only.text and only.text.strip(XML_SPACE)) and not only.keys():
                return []
        return read_items(elements)

    return read


def _entries(shape: Entries, records: dict[int, Read]) -> Read:
    """Read a dictionary from `item` elements with `key` and `value`, or else from elements named by the keys."""
    read_key, read_value = _slot(shape.key, records), _slot(shape.value, records)
    convert_key = converter(shape.key.shape) if isinstance(shape.key.shape, Scalar) else None

    def read(element: etree._Element) -> Any:
        data: dict[Any, Any] = {}
        items = [local_children(child) for child in element]
        if items and all(
            local_name(c.tag) == "item" and "key" in i for c, i in zip(element, items, strict=True)
        ):
            pairs = [(read_key(i["key"]), i.get("value")) for i in items]
        else:
            names = [local_name(child.tag) for child in element]
            pairs = list(
                zip(names if convert_key is None else map(convert_key, names), element, strict=True)
            )
        for key, child in pairs:
            value = None if child is None else read_value(child)
            data[key] = Unreadable("given more than once") if key in data else value
        if not data and element.text is not None and element.text.strip(XML_SPACE):
            return Unreadable("expected elements, got text")
        return data

    return read


def _choice(shape: Choice, records: dict[int, Read]) -> Read:
    """Read the one of several types that fits: by whether there are elements inside, then the first that can be read."""
    simple = [option for option in shape.options if isinstance(option, Scalar)]
    rest = [option for option in shape.options if not isinstance(option, Scalar)]
    read_rest = _shape(rest[0], records) if len(rest) == 1 else to_data
    text_too = _holds_text(shape)
    readers = [
        _scalar(option) for option in simple if option.xsd != "string" or option.values is not None
    ]

    def read(element: etree._Element) -> Any:
        if rest and (len(element) or not simple):
            return read_rest(element)
        if text_too and not len(element):
            return element.text or ""
        value: Any = Unreadable("expected text, got elements")
        for read_simple in readers:
            value = read_simple(element)
            if not isinstance(value, Unreadable):
                return value
        return value

    return read


def _all_faults(invalid: Invalid, data: Any) -> Invalid:
    """The faults that msgspec found and those that were found while reading; the latter say more where both did."""
    faults = {
        path: fault
        for path, fault in invalid.errors.items()
        if f"`{Unreadable.__name__}`" not in fault
    }
    return Invalid(faults | dict(_unreadable(data, "")))


def _unreadable(data: Any, path: str) -> Iterator[tuple[str, str]]:
    """The faults in data, by path."""
    if isinstance(data, Unreadable):
        yield path, data.fault
    elif isinstance(data, dict):
        for key, value in data.items():
            if isinstance(key, Unreadable):
                yield path, f"key: {key.fault}"
            yield from _unreadable(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _unreadable(value, f"{path}[{index}]")


def _pydantic(model: Any, data: Any) -> Any:
    try:
        return model.model_validate(data)
    except ValueError as error:
        errors = getattr(error, "errors", None)
        if errors is None:
            raise Invalid(str(error)) from None
        raise Invalid(
            {".".join(map(str, one["loc"])): one["msg"] for one in errors(include_input=False)}
        ) from None


def _overrides_check(hint: Any, seen: set[Any]) -> bool:
    """Whether a type has a model anywhere in it with a `check` of its own."""
    if isinstance(hint, type) and issubclass(hint, Model):
        if hint in seen:
            return False
        seen.add(hint)
        return hint.check is not Model.check or any(
            _overrides_check(field.type, seen) for field in fields(hint)
        )
    return any(_overrides_check(argument, seen) for argument in get_args(hint))
