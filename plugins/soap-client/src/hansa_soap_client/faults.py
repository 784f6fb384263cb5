"""Faults that the other side answers with."""

from __future__ import annotations

from hansa_http.response import BadAnswer
from hansa_xml.parser import local_name
from lxml import etree

SENDER_CODES = ("Client", "Sender")
"""The codes of faults of the sender, in SOAP 1.1 and 1.2."""


class SoapFault(BadAnswer):
    """The other side answered with a fault.

    `code` is without prefix; `fault_detail` is an element, or None. A fault of the sender is not
    tried again by brokers.
    """

    title = "SOAP fault"

    def __init__(
        self, connection: str, code: str, reason: str, fault_detail: etree._Element | None = None
    ) -> None:
        super().__init__(f"{connection} answered with the fault {code}: {reason}")
        self.code = code
        self.reason = reason
        self.fault_detail = fault_detail
        if code in SENDER_CODES:
            self.outcome = "reject"


def read_fault(connection: str, fault: etree._Element) -> SoapFault:
    """Return the fault that an element of SOAP 1.1 or 1.2 is."""
    parts = {local_name(part.tag): part for part in fault.iter()}
    code = _text(parts, "faultcode", "Value")
    reason = _text(parts, "faultstring", "Text")
    detail = parts.get("detail", parts.get("Detail"))
    return SoapFault(connection, without_prefix(code), reason, detail)


def _text(parts: dict[str, etree._Element], name: str, other_name: str) -> str:
    part = parts.get(name, parts.get(other_name))
    if part is None:
        return ""
    return (part.text or "").strip()


def without_prefix(code: str) -> str:
    """Return a qualified name without its prefix or namespace."""
    return code.rpartition(":")[2].rpartition("}")[2]
