"""XML as text and as elements: no document type, no entity, nothing fetched."""

from __future__ import annotations

from lxml import etree, objectify

from .values import Value


def parse(content: bytes) -> Value:
    """Return the root element of XML; raises ValueError for what is none, and for a DOCTYPE."""
    parser = objectify.makeparser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        shown = content.decode(errors="replace")
        raise ValueError(f"no XML: {shown}") from None
    if root.getroottree().docinfo.doctype:
        raise ValueError("a DOCTYPE is not accepted")
    return root


def xml_text(payload: Value) -> str | bytes:
    """Return an element as XML; text and bytes stay as they are."""
    if isinstance(payload, str | bytes):
        return payload
    written: bytes = etree.tostring(payload)
    return written
