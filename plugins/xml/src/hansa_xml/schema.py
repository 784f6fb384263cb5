"""XML Schema of declared types: what `writer` writes is valid by it, and what is valid by it
`reader` reads.
"""

from __future__ import annotations

import dataclasses

from lxml import etree

from .shapes import (
    Anything,
    Choice,
    Entries,
    Hint,
    Listing,
    Member,
    Record,
    Scalar,
    Shape,
    Slot,
    slot_of,
)

XSD = "http://www.w3.org/2001/XMLSchema"


def xsd_types(model: Hint, name: str = "response", namespace: str = "") -> bytes:
    """An XML Schema with one global element, `name`, of the type `model` (None: anything), as a
    document.
    """
    schema = Schema(namespace)
    schema.add_element(name, model)
    return etree.tostring(schema.root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


class Schema:
    """An XML Schema of one namespace, to which elements are added; `root` is its `xs:schema`
    element.

    `prefix` stands for the namespace; in a document with several schemas each needs its own.
    """

    def __init__(self, namespace: str = "", prefix: str = "tns") -> None:
        self.namespace = namespace
        names = {"xs": XSD} | ({prefix: namespace} if namespace else {})
        self.root = etree.Element(f"{{{XSD}}}schema", nsmap=names, elementFormDefault="qualified")
        if namespace:
            self.root.set("targetNamespace", namespace)
        self._elements: dict[str, tuple[Hint, etree._Element]] = {}
        self._types: dict[str, Record] = {}
        self._prefix = f"{prefix}:" if namespace else ""

    def add_element(self, name: str, model: Hint, help: str = "") -> None:
        """Declare a global element; one that is declared already, with another type, becomes one
        that may hold anything.
        """
        if name in self._elements:
            known, element = self._elements[name]
            if known is not model:
                _clear(element, name)
            return
        element = _add(self.root, "element", name=name)
        self._elements[name] = (model, element)
        slot = Slot(Anything()) if model is None else slot_of(model)
        _document(element, help)
        if isinstance(slot.shape, Record):
            # in place, not by reference: clients then see the operation's own parameters
            self._members(_add(element, "complexType"), slot.shape)
        else:
            self._type(element, slot.shape)

    def _type(self, element: etree._Element, shape: Shape) -> None:
        """Give an element its type, by name or in place."""
        if isinstance(shape, Record):
            element.set("type", self._prefix + self._named(shape))
        elif isinstance(shape, Listing):
            item = Slot(Anything(), True) if shape.each else shape.item
            self._repeated(element, [("item", item)], shape.least, shape.most)
        elif isinstance(shape, Entries):
            self._pairs(element, shape)
        elif isinstance(shape, Scalar) and (shape.facets or shape.values is not None):
            self._restriction(element, shape)
        elif isinstance(shape, Scalar):
            element.set("type", f"xs:{shape.xsd}")
        else:
            scalars = _scalars(shape)
            if not scalars:
                element.set("type", "xs:anyType")
                return
            union = _add(_add(element, "simpleType"), "union")
            for option in scalars:
                self._restriction(union, option)

    def _pairs(self, element: etree._Element, shape: Entries) -> None:
        items = self._repeated(element, [], 0, None)
        item = _add(items, "element", name="item", **_occurs(0, None))
        pair = _add(_add(item, "complexType"), "sequence")
        self._slot(pair, "key", shape.key)
        self._slot(pair, "value", shape.value)

    def _slot(
        self, parent: etree._Element, name: str, slot: Slot, least: int = 1, most: int | None = 1
    ) -> None:
        element = _add(parent, "element", name=name, **_occurs(least, most))
        _document(element, slot.help)
        self._type(element, slot.shape)
        if slot.nillable:
            element.set("nillable", "true")

    def _repeated(
        self, element: etree._Element, parts: list[tuple[str, Slot]], least: int, most: int | None
    ) -> etree._Element:
        sequence = _add(_add(element, "complexType"), "sequence")
        for name, slot in parts:
            self._slot(sequence, name, slot, least, most)
        return sequence

    def _restriction(self, parent: etree._Element, shape: Scalar) -> None:
        restriction = _add(_add(parent, "simpleType"), "restriction", base=f"xs:{shape.xsd}")
        for facet, limit in shape.facets.items():
            _add(restriction, facet, value=str(limit))
        for text in shape.values or ():
            _add(restriction, "enumeration", value=text)

    def _members(self, element: etree._Element, record: Record) -> None:
        sequence = _add(element, "sequence")
        for member in record.members:
            shape = member.slot.shape
            if isinstance(shape, Listing) and shape.bare:
                item = Slot(Anything(), True) if shape.each else shape.item
                self._slot(
                    sequence, member.name, item, shape.least if member.required else 0, shape.most
                )
                continue
            self._slot(sequence, member.name, member.slot, int(_always_written(member)))

    def _named(self, record: Record) -> str:
        """The name of a record's type, declared at its first use; another record of the same name
        gets a number.
        """
        name = record.name
        number = 1
        while name in self._types and not _alike(self._types[name], record, set()):
            number += 1
            name = f"{record.name}{number}"
        if name not in self._types:
            self._types[name] = record
            element = _add(self.root, "complexType", name=name)
            _document(element, record.help)
            self._members(element, record)
        return name


def _scalars(shape: Shape) -> list[Scalar]:
    """Return the options of a choice if all of them are scalars, else none."""
    if not isinstance(shape, Choice):
        return []
    scalars = [option for option in shape.options if isinstance(option, Scalar)]
    return scalars if len(scalars) == len(shape.options) else []


def _clear(element: etree._Element, name: str) -> None:
    """Have a declared element hold anything."""
    for child in list(element):
        element.remove(child)
    element.attrib.clear()
    element.set("name", name)
    element.set("type", "xs:anyType")


def _always_written(member: Member) -> bool:
    return member.required and not (member.none_is_default and member.slot.nillable)


def _alike(one: object, other: object, seen: set[tuple[int, int]]) -> bool:
    """Whether two shapes say the same; those of one class are read anew for each element, and are
    then one type.
    """
    if one is other or (id(one), id(other)) in seen:
        return True
    if type(one) is not type(other):
        return False
    seen.add((id(one), id(other)))
    if dataclasses.is_dataclass(one):
        return all(
            _alike(getattr(one, f.name), getattr(other, f.name), seen)
            for f in dataclasses.fields(one)
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(
            _alike(a, b, seen) for a, b in zip(one, other, strict=True)
        )
    return bool(one == other)


def _occurs(least: int, most: int | None) -> dict[str, str]:
    found = {} if least == 1 else {"minOccurs": str(least)}
    if most != 1:
        found["maxOccurs"] = "unbounded" if most is None else str(most)
    return found


def _add(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{XSD}}}{tag}", attributes)


def _document(element: etree._Element, help: str) -> None:
    if help:
        _add(_add(element, "annotation"), "documentation").text = help
