"""XML-binary Optimized Packaging (XOP 1.0, W3C Recommendation, 2005): xop:Include elements in place
of Base64 text.
"""

from __future__ import annotations

import base64
import secrets

from hansa import Invalid
from hansa_xml.text import write_base64
from lxml import etree

from .attachments import Attachment, Attachments

NAMESPACE = "http://www.w3.org/2004/08/xop/include"
INCLUDE = f"{{{NAMESPACE}}}Include"
"""The name of the element that stands for a part of the message."""


def reconstitute(root: etree._Element, attachments: Attachments) -> None:
    """Replace each xop:Include in a document by the Base64 text of the part that it refers to.

    Raises `Invalid` with all that is wrong: a reference to no part, or to one that is included
    already (or a small message could become a large one), and an xop:Include with content beside.
    """
    faults: list[str] = []
    included: set[int] = set()
    for include in list(root.iterdescendants(INCLUDE)):
        href = include.get("href", "")
        shown = f"xop:Include of {href[:100]!r}"
        part = attachments.find(href)
        parent = include.getparent()
        if parent is None or len(parent) != 1 or _has_text(parent):
            faults.append(f"{shown} is not the only content of its element")
        elif part is None:
            faults.append(f"{shown}: the message has no such part")
        elif id(part) in included:
            faults.append(f"{shown}: the part is included already")
        else:
            included.add(id(part))
            parent.remove(include)
            parent.text = base64.b64encode(part.content).decode()
    if faults:
        raise Invalid("; ".join(faults))


def _has_text(parent: etree._Element) -> bool:
    texts = [parent.text, *(child.tail for child in parent)]
    return any(text and text.strip() for text in texts)


def include(element: etree._Element, attachment: Attachment) -> None:
    """Replace the content of an element by an xop:Include of an attachment."""
    for child in element:
        element.remove(child)
    element.text = None
    etree.SubElement(element, INCLUDE, {"href": attachment.reference}, nsmap={"xop": NAMESPACE})


class BinaryParts:
    """Takes the binary values of more than `over` bytes out of a document that is being written."""

    def __init__(self, over: int) -> None:
        self.attachments: list[Attachment] = []
        self._over = over
        self._unique = secrets.token_hex(12)

    def write(self, value: bytes | bytearray | memoryview) -> str:
        """Return what stands for a value in the document: an xop:Include, or Base64 text."""
        content = bytes(value)
        if len(content) <= self._over:
            return write_base64(content)
        content_id = f"{len(self.attachments) + 1}.{self._unique}@hansa"
        attachment = Attachment(content, content_id=content_id)
        self.attachments.append(attachment)
        return f'<xop:Include xmlns:xop="{NAMESPACE}" href="{attachment.reference}"/>'
