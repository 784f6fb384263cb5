"""SimpleIO in XML: values of an element's children, by local name, and elements of values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from ..payloads import PlainDict, Value
from .types import ForceType
from .values import NOT_GIVEN, as_text

if TYPE_CHECKING:
    from lxml import etree

XMLElement: TypeAlias = "etree._Element"


def is_element(value: object) -> TypeGuard[XMLElement]:
    """Whether it is an lxml element."""
    return hasattr(value, "tag") and hasattr(value, "nsmap")


def as_bytes(element: XMLElement) -> bytes:
    """Return an element as an XML document in UTF-8."""
    from lxml import etree  # lazy: trial imports of services do without

    return etree.tostring(element, encoding="UTF-8", xml_declaration=True, with_tail=False)


def local(element: XMLElement) -> str:
    """Return the name of an element without its namespace; empty for comments and instructions."""
    tag: object = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def request_root(element: XMLElement, request_elem: str) -> XMLElement:
    """Return the element whose children are the input.

    It is the one named `request_elem`, at the top or just below, else the top itself.
    """
    if local(element) == request_elem:
        return element
    for child in element:
        if local(child) == request_elem:
            return child
    return element


def children(root: XMLElement) -> dict[str, list[XMLElement]]:
    """Return the children of an element by local name; those in its own namespace come first."""
    found: dict[str, list[XMLElement]] = {}
    for child in root:
        name = local(child)
        if name:
            found.setdefault(name, []).append(child)
    namespace = _namespace(root)
    for elements in found.values():
        if len(elements) > 1:
            elements.sort(key=lambda element: _namespace(element) != namespace)
    return found


def _namespace(element: XMLElement) -> str:
    return str(element.tag).rpartition("}")[0]


def read(elements: list[XMLElement], type: ForceType, use_text: bool) -> Value:
    """Return the value that an element type finds in the children of its name."""
    first = elements[0]
    if type.xml == "list":
        items = [child for child in first if local(child) == "item"]
        if not items and len(elements) > 1:
            items = elements  # a list written as a repeated element
        return [_content(child) for child in items]
    if type.xml == "dict":
        return _pairs(first)
    if type.xml == "dicts":
        return [_pairs(child) for child in first if local(child) in ("item_dict", "dict")]
    if type.xml == "data":
        return to_data(first)
    return first.text or "" if use_text else first


def _content(element: XMLElement) -> Value:
    """Return text, or plain data where there are elements inside."""
    return to_data(element) if len(element) else element.text or ""


def _pairs(element: XMLElement) -> PlainDict:
    """Return a dictionary of elements named by their keys, or of items.

    An item is `<item><key>..</key><value>..</value></item>`.
    """
    found: PlainDict = {}
    for child in element:
        name = local(child)
        parts = {local(part): part for part in child}
        if name == "item" and "key" in parts:
            key = parts["key"].text or ""
            found[key] = _content(parts["value"]) if "value" in parts else ""
        elif name:
            found[name] = _content(child)
    return found


def to_data(element: XMLElement) -> Value:
    """Return plain data: text, or a dictionary of the children.

    Repeated names become lists.
    """
    if not any(local(child) for child in element):
        return element.text or ""
    found: PlainDict = {}
    for child in element:
        name = local(child)
        if not name:
            continue
        value = to_data(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def response(
    elem: str,
    namespace: str,
    cid: str,
    result: str,
    data: Mapping[str, object] | Iterable[Mapping[str, object]] | None,
    types: Mapping[str, ForceType],
) -> XMLElement:
    """Return the element `<elem><zato_env>..</zato_env><item>..</item></elem>`.

    A list is an `item_list` of items; for None there is no item.
    """
    build = _Builder(namespace)
    root = build.root(elem)
    env = build.child(root, "zato_env")
    build.child(env, "cid").text = cid
    build.child(env, "result").text = result
    if data is None:
        return root
    if isinstance(data, Mapping):
        build.row(build.child(root, "item"), data, types)
        return root
    listed = build.child(root, "item_list")
    for row in data:
        build.row(build.child(listed, "item"), row, types)
    return root


Form: TypeAlias = str
"""How a type stands in XML: text, list, dict, dicts or data."""


class _Builder:
    """Makes and fills elements of one namespace."""

    def __init__(self, namespace: str) -> None:
        from lxml import etree  # lazy: trial imports of services do without

        self._etree = etree
        self._namespace = namespace
        self._prefix = f"{{{namespace}}}" if namespace else ""

    def root(self, name: str) -> XMLElement:
        """Return a new element at the top."""
        if not self._namespace:
            return self._etree.Element(name)
        nsmap: Value = {None: self._namespace}  # the default namespace, which stubs do not know
        return self._etree.Element(self._prefix + name, nsmap=nsmap)

    def child(self, parent: XMLElement, name: str) -> XMLElement:
        """Return a new element, the last of its parent."""
        return self._etree.SubElement(parent, self._prefix + name)

    def row(
        self, parent: XMLElement, row: Mapping[str, object], types: Mapping[str, ForceType]
    ) -> None:
        """Write one row of output."""
        for name, value in row.items():
            type = types.get(name)
            self.fill(self.child(parent, name), value, type.xml if type else "data")

    def fill(self, element: XMLElement, value: object, form: Form) -> None:
        """Write one value in the form of its type."""
        if isinstance(value, Mapping):
            if form in ("dict", "dicts"):
                self._fill_pairs(element, value)
            else:
                self._fill_nested(element, value)
        elif isinstance(value, list | tuple):
            self._fill_items(element, value, form)
        elif isinstance(value, bool):
            element.text = str(value).lower()
        elif value is not None and value is not NOT_GIVEN:
            element.text = as_text(value)

    def _fill_items(self, element: XMLElement, value: Iterable[object], form: Form) -> None:
        name = "item_dict" if form == "dicts" else "item"
        for item in value:
            self.fill(self.child(element, name), item, form)

    def _fill_nested(self, element: XMLElement, value: Mapping[str, object]) -> None:
        for key, item in value.items():
            self.fill(self.child(element, key), item, "data")

    def _fill_pairs(self, element: XMLElement, value: Mapping[str, object]) -> None:
        for key, item in value.items():
            pair = self.child(element, "item")
            self.child(pair, "key").text = as_text(key)
            self.fill(self.child(pair, "value"), item, "data")
