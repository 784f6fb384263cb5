"""How `zato service invoke` prints what a service answered."""

from __future__ import annotations

import copy
import json
from typing import Final

_ENVELOPES: Final = (
    "http://schemas.xmlsoap.org/soap/envelope/",
    "http://www.w3.org/2003/05/soap-envelope",
)


def shown(answer: bytes, data_format: str, transport: str | None) -> str:
    """Return an answer as Zato prints it.

    JSON is shown as Python objects, a SOAP message as the contents of its body, nothing as
    `(None)`.
    """
    if not answer:
        return "(None)"
    text = answer.decode(errors="replace")
    if data_format in ("json", "dict"):
        try:
            return repr(json.loads(text))
        except ValueError:
            return text
    return _soap_contents(answer) if transport == "soap" else text


def _soap_contents(answer: bytes) -> str:
    """Return what is in the body of a SOAP message, indented; of other XML all of it."""
    from lxml import etree  # lazy: only for answers in SOAP

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True
    )
    try:
        element = etree.fromstring(answer, parser)
    except etree.XMLSyntaxError:
        return answer.decode(errors="replace")
    for namespace in _ENVELOPES:
        child = element.find(f"{{{namespace}}}Body/*")
        if child is not None:
            # a copy: inside the envelope it would keep the envelope's namespaces
            element = copy.deepcopy(child)
            etree.cleanup_namespaces(element)
            break
    return str(etree.tostring(element, pretty_print=True, encoding="unicode")).rstrip()
