"""Reads and writes texts of XML elements by XPath, with namespaces that are defined by prefix."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..payloads import Value

if TYPE_CHECKING:
    from ..sio.xml import XMLElement

Namespaces = Callable[[str], str]
"""Returns the namespace of a prefix; raises KeyError."""
_literals: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_name: Final = re.compile(r"[^\W\d][\w.-]*")
_step: Final = re.compile(r"/(?:([^\W\d][\w.-]*):)?(@?[^\W\d][\w.-]*)")


def root_of(document: object) -> XMLElement:
    """Return the root element of a document: an element, or text; raises ValueError for text that
    is not XML.
    """
    from lxml import etree  # lazy: trial imports of services do without

    if not isinstance(document, str | bytes):
        return document  # type: ignore[return-value] # of whatever kind the service has made
    raw = document.encode() if isinstance(document, str) else document
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"this is not XML: {error}") from None


def find(root: XMLElement, expression: str, namespaces: Namespaces) -> list[Value]:
    """Return what an expression finds; raises KeyError for a prefix that is not defined."""
    from lxml import etree

    known = {prefix: namespaces(prefix) for prefix in _prefixes(expression) - {"xml"}}
    found = etree.XPath(expression, namespaces=known, smart_strings=False)(root)
    return list(found) if isinstance(found, list) else [found]


def _prefixes(expression: str) -> set[str]:
    """Return the prefixes of an expression: names before a colon that is none of an axis."""
    text = _literals.sub("", expression)
    names = _name.finditer(text)
    return {name[0] for name in names if re.match(":(?!:)", text[name.end() : name.end() + 2])}


def text_of(node: Value) -> Value:
    """Return the text of an element, and anything else as it is."""
    text = getattr(node, "text", node)
    return "" if text is None else text


def put(root: XMLElement, expression: str, value: object, namespaces: Namespaces) -> None:
    """Set the texts of the elements or the attribute that an expression finds.

    If it finds none, and is a plain path such as /order/customer/@id, they are made. Raises
    ValueError if they cannot be.
    """
    text = value if isinstance(value, str) else _written(value)
    path, separator, attribute = expression.rpartition("/@")
    if not separator:
        path, attribute = expression, ""
    elements = find(root, path, namespaces)
    if not elements:
        elements = [_make(root, path, namespaces)]
    for element in elements:
        if attribute:
            element.set(_qualified(attribute, namespaces), text)
        else:
            element.text = text


def _written(value: object) -> str:
    """Return a value as XML has it: true and false in small letters."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _make(root: XMLElement, path: str, namespaces: Namespaces) -> XMLElement:
    """Return the element of a plain path, with all on the way to it made if they are missing."""
    from lxml import etree

    steps = [match.group(0) for match in _step.finditer(path)]
    if "".join(steps) != path or not find(root, steps[0], namespaces):
        raise ValueError(f"nothing is found by {path}, and it cannot be made")
    place = root
    for step in steps[1:]:
        name = _qualified(step.removeprefix("/"), namespaces)
        child = place.find(name)
        place = etree.SubElement(place, name) if child is None else child
    return place


def _qualified(name: str, namespaces: Namespaces) -> str:
    """Return a name with its namespace as lxml writes it."""
    prefix, colon, local = name.rpartition(":")
    return f"{{{namespaces(prefix)}}}{local}" if colon else name
