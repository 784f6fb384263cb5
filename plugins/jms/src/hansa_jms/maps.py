"""Map messages: what may be in them, and how they pass STOMP, on which ActiveMQ has them as XML
in the format of XStream.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias
from xml.etree.ElementTree import Element, ParseError, SubElement, XMLParser, tostring

from .texts import fault_of_text, from_java

MapValue: TypeAlias = str | int | float | bool | bytes | None
"""An item of a map; bytes pass with AMQP alone."""
TRANSFORMATION = "jms-map-xml"
_LAYOUT = re.compile(rb"<map>\n  <entry>\n    <string>|<map/>\Z")
"""How XStream begins: a text that is XML may have the same elements, and is no map."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
INT = range(-(2**31), 2**31)
LONG = range(-(2**63), 2**63)
"""The whole numbers of Java."""
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class UnreadableMap(ValueError):
    """What begins as a map is none, or has items that cannot be read."""


def is_map(body: bytes) -> bool:
    """Return whether a body is laid out as that of a map message."""
    return _LAYOUT.match(body) is not None


def map_of(body: bytes) -> dict[str, MapValue] | None:
    """Return the items of a map message; None for the body of another message.

    Raises `UnreadableMap`.
    """
    if not is_map(body):
        return None
    parser = XMLParser()  # entities cannot be declared without a DOCTYPE
    try:
        parser.feed(from_java(body))
        root = parser.close()
    except ParseError as error:
        raise UnreadableMap(f"it is no well-formed XML: {error}") from error
    found: dict[str, MapValue] = {}
    for entry in root:
        name, value = _item(entry)
        found[name] = value
    return found


def _item(entry: Element) -> tuple[str, MapValue]:
    parts = list(entry)
    if entry.tag != "entry" or len(parts) != 2 or parts[0].tag != "string":
        raise UnreadableMap("it has other items than names and values")
    name = parts[0].text or ""
    read = _READERS.get(parts[1].tag)
    if read is None:
        raise UnreadableMap(f"the item {name!r} is of the type {parts[1].tag}")
    try:
        return name, read(parts[1].text or "")
    except ValueError as error:
        raise UnreadableMap(f"the item {name!r} is not of its type") from error


def _read_float(text: str) -> float:
    return _SPECIAL[text] if text in _SPECIAL else float(text)


def _read_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error as error:
        raise ValueError(text) from error


_READERS: dict[str, Callable[[str], MapValue]] = {
    "string": str,
    "char": str,
    "boolean": lambda text: text == "true",
    "byte": int,
    "short": int,
    "int": int,
    "long": int,
    "float": _read_float,
    "double": _read_float,
    "byte-array": _read_bytes,
    "null": lambda text: None,
}


def written_map(items: Mapping[str, MapValue]) -> bytes:
    """Return the body of a map message whose items have no faults."""
    root = Element("map")
    for name, value in items.items():
        entry = SubElement(root, "entry")
        SubElement(entry, "string").text = name
        kind, text = _written(value)
        SubElement(entry, kind).text = text
    # a parser would take a carriage return for a line end
    return tostring(root).replace(b"\r", b"&#13;")


def _written(value: MapValue) -> tuple[str, str | None]:
    if value is None:
        return "null", None
    if isinstance(value, bool):
        return "boolean", "true" if value else "false"
    if isinstance(value, int):
        return "int" if value in INT else "long", str(value)
    if isinstance(value, float):
        return "double", repr(value)
    return "string", str(value)


def map_faults(items: Mapping[object, object], *, bytes_in_maps: bool = False) -> dict[str, str]:
    """Return what is wrong with the items of a map, by `message.NAME`."""
    faults: dict[str, str] = {}
    for name, value in items.items():
        fault = "has no name of text" if not isinstance(name, str) or not name else ""
        fault = fault or _fault_of_string(str(name)) or _fault_of_item(value, bytes_in_maps)
        if fault:
            faults[f"message.{name}"] = fault
    return faults


def _fault_of_item(value: object, bytes_in_maps: bool) -> str:
    if value is None or isinstance(value, bool) or (bytes_in_maps and isinstance(value, bytes)):
        return ""
    if isinstance(value, int):
        return "" if value in LONG else "is a number of more than 64 bits"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "is not a finite number"
    if isinstance(value, str):
        return _fault_of_string(value)
    return f"must be text, a number, a boolean or None, not {type(value).__name__}"


def _fault_of_string(text: str) -> str:
    if _CONTROL.search(text):
        return "has control characters, which the map of a message cannot have"
    return fault_of_text(text)
