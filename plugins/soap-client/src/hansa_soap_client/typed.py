"""Elements of a message beside the types that its WSDL has for them: what a message holds that its
types do not, and what in it is Base64.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from hansa_xml.element import is_nil, texts_beside_children
from hansa_xml.parser import local_name
from lxml import etree
from zeep.exceptions import LookupError as UnknownName, NamespaceError
from zeep.utils import qname_attr
from zeep.wsdl.messages.soap import DocumentMessage, SoapMessage
from zeep.xsd import AnySimpleType, ComplexType, Element, Schema
from zeep.xsd.const import xsi_ns
from zeep.xsd.elements.base import Base
from zeep.xsd.elements.indicators import Choice, Indicator
from zeep.xsd.types.base import Type
from zeep.xsd.types.builtins import Base64Binary

Typed: TypeAlias = tuple[etree._Element, Type]
"""An element of a message, and its type."""


class MessageTypes:
    """The types of the elements in messages of one WSDL."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        # by identity: types of the library cannot be hashed, and live as long as the schema
        self._members: dict[int, dict[str, Type | None]] = {}
        self._required: dict[int, list[str]] = {}

    def of(self, message: SoapMessage | None, envelope: etree._Element) -> Iterator[Typed]:
        """Yield the elements in the Body of an envelope with their types.

        What the WSDL leaves open, and what is inside of it, is left out.
        """
        if message is None or message.body is None:
            return
        body = envelope.find("{*}Body")
        if body is None:
            return
        wrapped = isinstance(message, DocumentMessage) and message._is_body_wrapped
        root = body if wrapped else next(iter(body), None)
        if root is None:
            return
        waiting = [(root, self._actual(root, message.body.type))]
        while waiting:
            element, declared = waiting.pop()
            yield element, declared
            if isinstance(declared, ComplexType):
                waiting.extend(self._inside(element, declared))

    def missing(self, element: etree._Element, declared: Type) -> str:
        """Return what an element lacks of what its type demands; else an empty text."""
        if not isinstance(declared, ComplexType) or simple_type(declared) is not None:
            return ""
        if is_nil(element):
            return ""
        there = {local_name(child.tag) for child in element}
        for name in self._required_of(declared):
            if name not in there:
                return f"{local_name(element.tag)} has no {name}"
        return ""

    def _required_of(self, declared: ComplexType) -> list[str]:
        """Return the local names of the elements that each element of a type must have."""
        known = self._required.get(id(declared))
        if known is not None:
            return known
        required = [
            member.qname.localname
            for _, particle in declared.elements_nested
            for member in _required_elements(particle)
        ]
        self._required[id(declared)] = required
        return required

    def _inside(self, element: etree._Element, declared: ComplexType) -> Iterator[Typed]:
        members = self._members_of(declared)
        for child in element:
            name = local_name(child.tag)
            found = members[name] if name in members else self._global(child)
            if found is not None:
                yield child, self._actual(child, found)

    def _members_of(self, declared: ComplexType) -> dict[str, Type | None]:
        """Return the types of a type's elements by local names, which are what zeep compares.

        A name that has several types has None.
        """
        known = self._members.get(id(declared))
        if known is not None:
            return known
        members: dict[str, Type | None] = {}
        for _, particle in declared.elements_nested:
            for member in _elements(particle):
                name = member.qname.localname
                same = members.setdefault(name, member.type) is member.type
                if not same:
                    members[name] = None
        self._members[id(declared)] = members
        return members

    def _global(self, element: etree._Element) -> Type | None:
        """Return the type of an element by its own name, where the WSDL has any (xsd:any)."""
        try:
            found: Type = self._schema.get_element(element.tag).type
        except (UnknownName, NamespaceError):
            return None
        return found

    def _actual(self, element: etree._Element, declared: Type) -> Type:
        """Return the type that an element says it is of (xsi:type), else the declared one."""
        name = qname_attr(element, xsi_ns("type"))
        if name is None:
            return declared
        return self._schema.get_type(name, fail_silently=True) or declared  # type: ignore[no-untyped-call]


def _elements(particle: object) -> Iterator[Element]:
    """Yield the elements of a sequence, choice or group, however nested."""
    if isinstance(particle, Element):
        yield particle
    elif isinstance(particle, Indicator):
        for inner in particle:  # type: ignore[attr-defined]  # it is a list, untyped
            yield from _elements(inner)


def _required_elements(particle: object) -> Iterator[Element]:
    """Yield the elements that a sequence or group cannot be without, however nested."""
    if isinstance(particle, Choice) or (isinstance(particle, Base) and particle.is_optional):
        return
    if isinstance(particle, Element):
        yield particle
    elif isinstance(particle, Indicator):
        for inner in particle:  # type: ignore[attr-defined]  # it is a list, untyped
            yield from _required_elements(inner)


def simple_type(declared: Type) -> AnySimpleType | None:
    """Return the type of an element's text, if it is one with nothing but text."""
    if isinstance(declared, AnySimpleType):
        return declared
    if isinstance(declared, ComplexType):
        content = declared._element
        if isinstance(content, Element) and isinstance(content.type, AnySimpleType):
            return content.type
    return None


def is_base64(declared: Type) -> bool:
    """Return whether the text of an element is Base64."""
    return isinstance(simple_type(declared), Base64Binary)


def lost_content(element: etree._Element, declared: Type) -> str:
    """Return what reading an element by its type would silently leave out; else an empty text."""
    name = local_name(element.tag)
    if is_nil(element):
        return ""
    simple = simple_type(declared)
    if simple is None:
        if len(element) and texts_beside_children(element):
            return f"{name} has text beside its elements"
        if isinstance(declared, ComplexType):
            return _lost_by_complex(element, declared, name)
        return ""
    if len(element):
        return f"{name} has elements where the WSDL has text"
    text = element.text or ""
    if text.strip() and not _is_readable(simple, text):
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        return f"{name} is {shown!r}, which is no {type(simple).__name__}"
    return ""


def _lost_by_complex(element: etree._Element, declared: ComplexType, name: str) -> str:
    if (element.text or "").strip():
        return f"{name} has text where the WSDL has elements"
    if len(element) and not declared.elements and not declared.attributes:
        return f"{name} has elements where the WSDL has none"
    return ""


def _is_readable(simple: AnySimpleType, text: str) -> bool:
    try:
        simple.pythonvalue(text)
    except (TypeError, ValueError, ArithmeticError):
        return False
    return True
