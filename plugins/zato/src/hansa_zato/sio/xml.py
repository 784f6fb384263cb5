"""SimpleIO in XML: values out of the children of an element, by local name, and elements out of values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .types import ForceType
from .values import NOT_GIVEN, as_text


def local(element: Any) -> str:
    """The name of an element without its namespace; empty for comments and instructions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def request_root(element: Any, request_elem: str) -> Any:
    """The element whose children are the input: the one named `request_elem`, at the top or just below, else the top itself."""
    if local(element) == request_elem:
        return element
    return next((child for child in element if local(child) == request_elem), element)


def children(root: Any) -> dict[str, list[Any]]:
    """The children of an element by local name; those in its own namespace come first."""
    found: dict[str, list[Any]] = {}
    for child in root:
        name = local(child)
        if name:
            found.setdefault(name, []).append(child)
    namespace = root.tag.rpartition("}")[0]
    for elements in found.values():
        if len(elements) > 1:
            elements.sort(key=lambda element: bool(element.tag.rpartition("}")[0] != namespace))
    return found


def read(elements: list[Any], type: ForceType, use_text: bool) -> Any:
    """The value that an element type finds in the children of its name."""
    first = elements[0]
    if type.xml == "list":
        items = [child for child in first if local(child) == "item"]
        return [_content(child) for child in (items if items or len(elements) == 1 else elements)]
    if type.xml == "dict":
        return _pairs(first)
    if type.xml == "dicts":
        return [_pairs(child) for child in first if local(child) in ("item_dict", "dict")]
    if type.xml == "data":
        return to_data(first)
    return first.text or "" if use_text else first


def _content(element: Any) -> Any:
    """Text, or plain data where there are elements inside."""
    return to_data(element) if len(element) else element.text or ""


def _pairs(element: Any) -> dict[str, Any]:
    """A dictionary from `<item><key>..</key><value>..</value></item>`, or from elements named by their keys."""
    found: dict[str, Any] = {}
    for child in element:
        parts = {local(part): part for part in child}
        if local(child) == "item" and "key" in parts:
            found[parts["key"].text or ""] = _content(parts["value"]) if "value" in parts else ""
        elif local(child):
            found[local(child)] = _content(child)
    return found


def to_data(element: Any) -> Any:
    """Plain data of an element: text, or a dictionary of its children, in which repeated names become lists."""
    if not any(local(child) for child in element):
        return element.text or ""
    found: dict[str, Any] = {}
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
    elem: str, namespace: str, cid: str, result: str, data: Any, types: Mapping[str, ForceType]
) -> Any:
    """The element `<elem><zato_env>..</zato_env><item>..</item></elem>`, with an item_list for a list; no item for None."""
    from lxml import etree  # lazy: trial imports of services do without

    prefix = f"{{{namespace}}}" if namespace else ""
    nsmap: Any = {None: namespace} if namespace else None
    root = etree.Element(prefix + elem, nsmap=nsmap)
    make = _Maker(etree, prefix)
    env = make.child(root, "zato_env")
    make.child(env, "cid").text = cid
    make.child(env, "result").text = result
    if data is None:
        return root
    if isinstance(data, Mapping):
        make.row(make.child(root, "item"), data, types)
    else:
        listed = make.child(root, "item_list")
        for row in data:
            make.row(make.child(listed, "item"), row, types)
    return root


class _Maker:
    """Appends elements of one namespace."""

    def __init__(self, etree: Any, prefix: str) -> None:
        self.make = etree.SubElement
        self.prefix = prefix

    def child(self, parent: Any, name: str) -> Any:
        return self.make(parent, self.prefix + name)

    def row(self, parent: Any, row: Mapping[str, Any], types: Mapping[str, ForceType]) -> None:
        for name, value in row.items():
            type = types.get(name)
            self.fill(self.child(parent, name), value, type.xml if type else "data")

    def fill(self, element: Any, value: Any, form: str) -> None:
        if isinstance(value, Mapping):
            self.pairs(element, value) if form in ("dict", "dicts") else self.nested(element, value)
        elif isinstance(value, list | tuple):
            self.items(element, value, form)
        elif value is not None and value is not NOT_GIVEN:
            element.text = str(value).lower() if isinstance(value, bool) else as_text(value)

    def items(self, element: Any, value: Iterable[Any], form: str) -> None:
        for item in value:
            self.fill(self.child(element, "item_dict" if form == "dicts" else "item"), item, form)

    def nested(self, element: Any, value: Mapping[str, Any]) -> None:
        for key, item in value.items():
            self.fill(self.child(element, key), item, "data")

    def pairs(self, element: Any, value: Mapping[str, Any]) -> None:
        for key, item in value.items():
            pair = self.child(element, "item")
            self.child(pair, "key").text = as_text(key)
            self.fill(self.child(pair, "value"), item, "data")
