"""Documents without a declared type: dot access to an element, whose text stays text, and its plain
data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from hansa import Invalid
from lxml import etree

from .parser import local_name
from .shapes import Data, Hint

Number = TypeVar("Number", int, float)
XSI = "http://www.w3.org/2001/XMLSchema-instance"
_XSI_PREFIX = f"{{{XSI}}}"
NIL = f"{_XSI_PREFIX}nil"
_XML_SPACE = " \t\r\n"


def is_nil(element: etree._Element) -> bool:
    """Whether the element says that it is no value at all."""
    return element.get(NIL, "").strip(_XML_SPACE) in ("true", "1")


def local_children(element: etree._Element) -> dict[str, etree._Element]:
    """Return the first child of each local name."""
    found: dict[str, etree._Element] = {}
    for child in element:
        found.setdefault(local_name(child.tag), child)
    return found


def texts_beside_children(element: etree._Element) -> list[str]:
    """Return the texts between the children of an element, and before and after them, without those
    that are only white space.
    """
    texts = [element.text, *(child.tail for child in element)]
    return [text for text in texts if text and text.strip(_XML_SPACE)]


def to_data(element: etree._Element) -> Data:
    """Return plain data of an element: text; a dictionary of its children by local name, repeated
    ones as lists; None if nil.

    An element with nothing but `item` children is a list. Attributes are kept as `@name`. Text
    beside attributes or children is kept as `#text`, several texts as a list.
    """
    attributes = _attributes(element)
    if not len(element):
        return _text(element, attributes)
    data = attributes
    texts = texts_beside_children(element)
    if texts:
        data["#text"] = texts[0] if len(texts) == 1 else texts
    if not data and all(local_name(child.tag) == "item" for child in element):
        return [to_data(child) for child in element]
    repeated: set[str] = set()
    for child in element:
        name = local_name(child.tag)
        found = to_data(child)
        if name not in data:
            data[name] = found
        elif name in repeated:
            data[name].append(found)
        else:
            data[name] = [data[name], found]
            repeated.add(name)
    return data


def _attributes(element: etree._Element) -> dict[str, Data]:
    """Return the attributes by local name with an @ before it; those of XML Schema are left out."""
    found: dict[str, Data] = {}
    for attribute, value in element.items():
        if not str(attribute).startswith(_XSI_PREFIX):
            found[f"@{local_name(str(attribute))}"] = value
    return found


def _text(element: etree._Element, attributes: dict[str, Data]) -> Data:
    """Return the plain data of an element without children."""
    text = element.text
    if attributes:
        if text and text.strip(_XML_SPACE):
            attributes["#text"] = text
        return attributes
    if text is None and element.keys() and is_nil(element):
        return None
    return text or ""


class Element:
    """Dot access to an lxml element, by local names: `order.customer.name`, `order.line[1]`, `for
    line in order.line`.

    An attribute is the first child of that name; it stands for all its namesakes: `len`, iteration
    and an index see each of them. `str` gives the text; nothing is ever guessed from it: `007`
    stays `007`. A child whose name is taken here (`text`, `tag`, `get`, `element`, ...) is found as
    `order["text"]`. Whatever else lxml offers (`xpath`, `find`, ...) works too.
    """

    __slots__ = ("_namesakes", "element")

    def __init__(
        self, element: etree._Element, namesakes: list[etree._Element] | None = None
    ) -> None:
        self.element = element
        self._namesakes = namesakes or [element]

    @property
    def text(self) -> str:
        """The element's own text, empty if it has none."""
        return self.element.text or ""

    @property
    def tag(self) -> str:
        """The name with its namespace, as `{namespace}name`."""
        return str(self.element.tag)

    @property
    def children(self) -> list[Element]:
        """All child elements, in order."""
        return [Element(child) for child in self.element]

    def get(self, name: str, default: object = None) -> Data:
        """Return an attribute of the element, or else its first child of that name, or else the
        default.
        """
        value = self.element.get(name)
        if value is not None:
            return value
        try:
            return self[name]
        except KeyError:
            return default

    def to_data(self, model: Hint = None) -> Data:
        """Return plain data; with a model, in its shape and with numbers read as such. Raises
        `Invalid` for what cannot be read so.
        """
        if model is None or hasattr(model, "model_validate"):
            return to_data(self.element)
        from .reader import shaped_data  # it builds upon this module

        return shaped_data(self.element, model)

    def _find(self, name: str) -> list[etree._Element]:
        if name.startswith("{"):
            return [child for child in self.element if child.tag == name]
        return [child for child in self.element if local_name(child.tag) == name]

    def __getattr__(self, name: str) -> Data:
        found = self._find(name)
        if found:
            return Element(found[0], found)
        if not name.startswith("_") and hasattr(etree._Element, name):
            return getattr(self.element, name)
        raise AttributeError(f"<{local_name(self.tag)}> has no child element named {name}")

    def __getitem__(self, key: str | int) -> Element:
        if isinstance(key, int):
            return Element(self._namesakes[key])
        found = self._find(key)
        if not found:
            raise KeyError(key)
        return Element(found[0], found)

    def __contains__(self, name: str) -> bool:
        return bool(self._find(name))

    def __iter__(self) -> Iterator[Element]:
        return (Element(element) for element in self._namesakes)

    def __len__(self) -> int:
        return len(self._namesakes)

    def __bool__(self) -> bool:
        return bool(self.element.text) or len(self.element) > 0

    def __str__(self) -> str:
        return self.element.text or ""

    def __repr__(self) -> str:
        if len(self.element):
            return f"<Element {self.tag}>"
        return f"<Element {self.tag}: {self.text!r}>"

    def __int__(self) -> int:
        return self._number(int)

    def __float__(self) -> float:
        return self._number(float)

    def _number(self, kind: Callable[[str], Number]) -> Number:
        try:
            return kind(self.text)
        except ValueError:
            raise Invalid(
                {local_name(self.tag): f"expected a number, got {self.text[:40]!r}"}
            ) from None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Element):
            return self.element is other.element
        return isinstance(other, str) and self.text == other

    def __hash__(self) -> int:
        return hash(self.text)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *local_children(self.element)]
