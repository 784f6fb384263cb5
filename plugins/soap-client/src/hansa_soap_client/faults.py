"""Faults that the other side answers with."""

from __future__ import annotations

from hansa_http.response import BadAnswer
from hansa_xml.parser import local_name
from lxml import etree

SENDER_CODES = ("Client", "Sender")
"""The codes of faults of the sender, in SOAP 1.1 and 1.2."""


class SoapFault(BadAnswer):
    """The other side answered with a fault.

    `fault_code` is the fault's own code without prefix, such as `Client` or `Sender`, `reason` its
    text, and `fault_detail` its detail as an element, or None. A fault of the sender is not tried
    again by brokers.
    """

    code = "soap-fault"
    title = "SOAP fault"

    def __init__(
        self,
        connection: str,
        fault_code: str,
        reason: str,
        fault_detail: etree._Element | None = None,
    ) -> None:
        super().__init__(f"{connection} answered with the fault {fault_code}: {reason}")
        self.fault_code = fault_code
        self.reason = reason
        self.fault_detail = fault_detail
        # a code of SOAP 1.1 may say more after a dot
        if fault_code.partition(".")[0] in SENDER_CODES:
            self.outcome = "reject"


def read_fault(connection: str, fault: etree._Element) -> SoapFault:
    """Return the fault that an element of SOAP 1.1 or 1.2 is."""
    code = _child(fault, "faultcode")
    if code is not None:
        reason = _child(fault, "faultstring")
        detail = _child(fault, "detail")
    else:
        code = _child(_child(fault, "Code"), "Value")
        reason = _child(_child(fault, "Reason"), "Text")
        detail = _child(fault, "Detail")
    return SoapFault(connection, _without_prefix(_text(code)), _text(reason), detail)


def _child(element: etree._Element | None, name: str) -> etree._Element | None:
    """Return the first child of a local name: some peers write faults in a wrong namespace."""
    for child in () if element is None else element:
        if local_name(child.tag) == name:
            return child
    return None


def _text(element: etree._Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _without_prefix(code: str) -> str:
    """Return a qualified name without its prefix or namespace."""
    return code.rpartition(":")[2].rpartition("}")[2]
