"""A WSDL that is given instead of one that is derived or fetched: read, judged, and served for the address
by which a caller has reached it.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from hansa import Invalid
from hansa_xml.parser import parse
from lxml import etree

from .wsdl import BINDINGS, WSDL

SETTING = "wsdl_document"
"""The setting that holds one, of channels and of outgoing connections."""
LONGEST = 4 * 1024 * 1024
"""Characters of the longest document."""


def read_document(text: str, version: str) -> etree._Element:
    """Return the root of a WSDL 1.1 with a binding for a version of SOAP; raises `Invalid`, by the
    setting.
    """
    try:
        root = parse(text)
    except Invalid as invalid:
        raise Invalid({SETTING: invalid.detail}) from None
    if root.tag != f"{{{WSDL}}}definitions":
        raise Invalid({SETTING: f"is no WSDL 1.1: its root is {root.tag}"})
    bindings = root.findall(f"{{{WSDL}}}binding")
    if any(one.find(f"{{{BINDINGS[version]}}}binding") is not None for one in bindings):
        return root
    # a document may import its bindings
    if root.find(f"{{{WSDL}}}import") is not None and not bindings:
        return root
    raise Invalid({SETTING: f"has no binding for SOAP {version}"})


def served(text: str, version: str, address: str) -> bytes:
    """Return a document as a caller gets it: ports at the path of `address` are at that address, by
    which the caller has come; others stay as they are.
    """
    root = read_document(text, version)
    path = _path(address)
    for namespace in BINDINGS.values():
        for port in root.iter(f"{{{namespace}}}address"):
            if _path(port.get("location", "")) == path:
                port.set("location", address)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _path(url: str) -> str:
    try:
        return unquote(urlsplit(url).path).rstrip("/")
    except ValueError:
        return ""
