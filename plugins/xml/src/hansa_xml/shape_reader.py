"""From the shape of a type, once, the function that turns an element into plain data of that shape,
not validated yet.

Text that is no value of its type becomes `Unreadable` in its place, so that all faults can be
reported at once. `records` are the readers of records that are being built, by the identity of
their shapes: a record may be inside itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat

from lxml import etree

from .element import NIL, is_nil, local_children, texts_beside_children, to_data
from .parser import local_name
from .scalars import XML_SPACE, Convert, Unreadable, converter
from .shapes import Anything, Choice, Data, Entries, Listing, Member, Record, Scalar, Shape, Slot

_MIXED = "expected elements, got text beside them"

Read = Callable[[etree._Element], Data]
ReadAll = Callable[[Sequence[etree._Element]], Data]


def read_slot(slot: Slot, records: dict[int, Read]) -> Read:
    """Build what reads one occurrence; an empty element is None where None may be and text may not."""
    read = _shape(slot.shape, records)
    if not slot.nillable or isinstance(slot.shape, Anything | Listing):
        return read
    empty_is_text = _holds_text(slot.shape)

    def nillable(element: etree._Element) -> Data:
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
        read_all = reading_list(shape, records)
        return lambda element: read_all([element])
    return to_data


def _has_text(element: etree._Element) -> bool:
    text = element.text
    return text is not None and bool(text.strip(XML_SPACE))


# -- scalars ---------------------------------------------------------------------------------------


def _scalar(shape: Scalar) -> Read:
    convert = converter(shape)

    def read(element: etree._Element) -> Data:
        text = element.text
        if len(element):
            return Unreadable("expected text, got elements")
        if text is None:
            if element.get(NIL) is not None and is_nil(element):
                return None
            text = ""
        return text if convert is None else convert(text)

    return read


def _choice(shape: Choice, records: dict[int, Read]) -> Read:
    """Read the one of several types that fits: by whether there are elements inside, then the first
    that can be read.
    """
    simple = [option for option in shape.options if isinstance(option, Scalar)]
    rest = [option for option in shape.options if not isinstance(option, Scalar)]
    read_rest = _shape(rest[0], records) if len(rest) == 1 else to_data
    text_too = _holds_text(shape)
    readers = [_scalar(option) for option in simple if not _holds_text(option)]

    def read(element: etree._Element) -> Data:
        if rest and (len(element) or not simple):
            return read_rest(element)
        if text_too and not len(element):
            return element.text or ""
        value: Data = Unreadable("expected text, got elements")
        for read_simple in readers:
            value = read_simple(element)
            if not isinstance(value, Unreadable):
                return value
        return value

    return read


# -- records ---------------------------------------------------------------------------------------


class _Members:
    """The members of a record by name: those that are there once, lists, and scalars, which may be
    attributes, too.
    """

    def __init__(self, shape: Record, records: dict[int, Read]) -> None:
        self.once: dict[str, Read] = {}
        self.lists: dict[str, ReadAll] = {}
        self.attributes: dict[str, Convert | None] = {}
        # PERF: what a whole tag means, namespace and all, is looked up; there are at most four
        # namespaces of each in the table
        self.known: dict[str, tuple[str, Read | None]] = {}
        self._most_known = 4 * len(shape.members)
        self._needs_items = False
        for member in shape.members:
            self._add(member, records)

    def _add(self, member: Member, records: dict[int, Read]) -> None:
        shape = member.slot.shape
        if isinstance(shape, Listing):
            self.lists[member.name] = reading_list(shape, records)
            if shape.bare and member.required:
                self._needs_items = True
            return
        self.once[member.name] = read_slot(member.slot, records)
        if isinstance(shape, Scalar):
            self.attributes[member.name] = converter(shape)

    def learn(self, tag: str) -> tuple[str, Read | None] | None:
        """Return the member that a tag means, and what reads it if it is there once; None if it is
        no member.
        """
        name = local_name(tag)
        if name not in self.once and name not in self.lists:
            return None
        found = (name, self.once.get(name))
        if len(self.known) < self._most_known:
            self.known[tag] = found
        return found

    def read_children(self, element: etree._Element, data: dict[str, Data]) -> bool:
        """Read the children of an element into `data`, those of lists as they are; return whether
        there is text after any of them.
        """
        known = self.known
        mixed = False
        for child in element:
            tag = child.tag
            tail = child.tail
            if tail is not None and tail.strip(XML_SPACE):
                mixed = True
            found = known.get(tag) or self.learn(tag)
            if found is None:
                continue
            name, read_one = found
            if read_one is None:
                data.setdefault(name, []).append(child)
            elif name in data:
                data[name] = Unreadable("given more than once")
            else:
                data[name] = read_one(child)
        return mixed

    def read_lists(self, data: dict[str, Data]) -> None:
        """Replace elements that were collected by what they are read as."""
        if self._needs_items:
            data.setdefault("item", [])
        for name, read_all in self.lists.items():
            if name in data:
                data[name] = read_all(data[name])

    def read_attribute(self, name: str, text: str, data: dict[str, Data]) -> None:
        """Read an attribute that is a member, unless an element of that name was there."""
        if name in self.attributes and name not in data:
            convert = self.attributes[name]
            data[name] = text if convert is None else convert(text)


def _record(shape: Record, records: dict[int, Read]) -> Read:
    if id(shape) in records:  # inside itself: its reader is there by the time it is called
        return lambda element: records[id(shape)](element)
    records[id(shape)] = lambda element: read(element)
    members = _Members(shape, records)
    has_lists = bool(members.lists)

    def read(element: etree._Element) -> Data:
        data: dict[str, Data] = {}
        mixed = members.read_children(element, data)
        if has_lists:
            members.read_lists(data)
        for attribute, text in element.items():
            members.read_attribute(str(attribute), str(text), data)
        if mixed or _has_text(element):
            return Unreadable(_MIXED if len(element) else "expected elements, got text")
        return data

    return read


# -- lists -----------------------------------------------------------------------------------------


def reading_list(shape: Listing, records: dict[int, Read]) -> ReadAll:
    """Build what reads a list from its elements: one that holds only `item` elements, or else each
    element is an item itself.
    """
    read_items = _items(shape, records)
    if shape.bare:
        return read_items

    def read(elements: Sequence[etree._Element]) -> Data:
        if len(elements) != 1:
            return read_items(elements)
        only = elements[0]
        if len(only):
            items = _children_named_item(only)
            if items is None:
                return read_items(elements)
            return Unreadable(_MIXED) if texts_beside_children(only) else read_items(items)
        if is_nil(only):
            return None
        if not _has_text(only) and not only.keys():
            return []
        return read_items(elements)

    return read


def _items(shape: Listing, records: dict[int, Read]) -> ReadAll:
    read_item = read_slot(shape.item, records)
    if not shape.each:
        return lambda elements: [read_item(element) for element in elements]
    each = [read_slot(slot, records) for slot in shape.each]

    def read_each(elements: Sequence[etree._Element]) -> Data:
        readers: Iterable[Read] = chain(each, repeat(read_item))
        return [read_one(element) for element, read_one in zip(elements, readers, strict=False)]

    return read_each


def _children_named_item(element: etree._Element) -> Sequence[etree._Element] | None:
    """Return the children of an element if all are called `item`, in whatever namespace; else None."""
    tag = element[0].tag
    if local_name(tag) != "item":
        return None
    items = list(element.iterchildren(tag))  # PERF: lxml compares, and returns the elements at once
    if len(items) == len(element):
        return items
    children = list(element)
    return children if all(local_name(child.tag) == "item" for child in children) else None


# -- dictionaries ----------------------------------------------------------------------------------


def _entries(shape: Entries, records: dict[int, Read]) -> Read:
    """Read a dictionary from `item` elements with `key` and `value`, or else from elements named by
    the keys.
    """
    read_key = read_slot(shape.key, records)
    read_value = read_slot(shape.value, records)
    convert_key = converter(shape.key.shape) if isinstance(shape.key.shape, Scalar) else None

    def read(element: etree._Element) -> Data:
        data: dict[object, Data] = {}
        for key, child in pairs(element):
            if key in data:
                data[key] = Unreadable("given more than once")
            else:
                data[key] = None if child is None else read_value(child)
        if texts_beside_children(element):
            return Unreadable(_MIXED if len(element) else "expected elements, got text")
        return data

    def pairs(element: etree._Element) -> list[tuple[Data, etree._Element | None]]:
        items = [local_children(child) for child in element]
        if items and all(
            local_name(child.tag) == "item" and "key" in item
            for child, item in zip(element, items, strict=True)
        ):
            return [(read_key(item["key"]), item.get("value")) for item in items]
        return [(named(local_name(child.tag)), child) for child in element]

    def named(name: str) -> Data:
        return name if convert_key is None else convert_key(name)

    return read
