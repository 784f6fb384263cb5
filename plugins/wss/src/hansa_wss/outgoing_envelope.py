"""An outgoing envelope that gets a Security header, whatever is written into it."""

from __future__ import annotations

from hansa import Misused
from hansa_soap.envelope import header_blocks, version_of
from hansa_xml.format import DECLARATION
from hansa_xml.parser import parse
from lxml import etree

from .moments import write_moment
from .names import CREATED, EXPIRES, SECURITY, TIMESTAMP, WSSE, WSU

_NAMESPACES = {"wsse": WSSE, "wsu": WSU}


class OutgoingEnvelope:
    """An envelope without a Security header so far, in its parsed form `root`.

    Raises `Misused` for a message that is not an envelope, or has such a header already.
    """

    def __init__(self, message: bytes) -> None:
        self.root = parse(message, huge=True)
        version = version_of(self.root)
        if version is None:
            raise Misused(f"only envelopes of SOAP can be signed, and not {self.root.tag}")
        if list(header_blocks(self.root, SECURITY)):
            raise Misused("the envelope has a Security header already")
        self.version = version
        self._has_declaration = message.lstrip().startswith(b"<?xml")

    def add_security(self, *, must_understand: bool) -> etree._Element:
        """Add an empty Security header as the first header, and return it."""
        header = self.root.find(self.version.header)
        if header is None:
            header = etree.Element(self.version.header)
            self.root.insert(0, header)
        security = etree.Element(SECURITY, nsmap=_NAMESPACES)
        header.insert(0, security)
        if must_understand:
            security.set(f"{{{self.version.namespace}}}mustUnderstand", "1")
        return security

    def to_bytes(self) -> bytes:
        """Return the envelope in UTF-8, with an XML declaration if the message had one."""
        declaration = DECLARATION.encode() if self._has_declaration else b""
        return declaration + etree.tostring(self.root, encoding="utf-8")


def add_timestamp(security: etree._Element, now: float, lifetime: int) -> etree._Element:
    """Add a Timestamp to a Security header, and return it; `now` is in seconds of the Unix epoch,
    `lifetime` in seconds.
    """
    timestamp = etree.SubElement(security, TIMESTAMP)
    etree.SubElement(timestamp, CREATED).text = write_moment(now)
    etree.SubElement(timestamp, EXPIRES).text = write_moment(now + lifetime)
    return timestamp
