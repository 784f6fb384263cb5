"""Clients of SOAP 1.1: of any message, and of services whose answers have Zato's envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import requests
from lxml import objectify

from .client import Client
from .response import ZATO_OK, Answer, Response
from .values import Value
from .xml import parse, xml_text

SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
CONTENT_TYPE: Final = "text/xml; charset=utf-8"


class SOAPClient(Client):
    """Sends envelopes of SOAP 1.1, and gives the first element in the body that comes back."""

    def invoke(
        self,
        soap_action: str,
        payload: Value = "",
        headers: Mapping[str, str] | None = None,
        **ignored: Value,
    ) -> Response:
        """Send an envelope, which is a text or an element of lxml, and return its response."""
        sent = {"Content-Type": CONTENT_TYPE, "SOAPAction": soap_action, **(headers or {})}
        return self.post(xml_text(payload), sent)

    def read(self, response: requests.Response) -> Answer:
        """Return the first element of the body; a fault is an error."""
        if not response.content:
            return Answer()
        root = parse(response.content)
        content = root.find(f"{SOAP}Body/*")
        if root.tag != f"{SOAP}Envelope":
            raise ValueError(f"no SOAP 1.1: {response.text}")
        if content is not None and content.tag == f"{SOAP}Fault":
            return Answer(ok=False, details=_text(content, "faultstring"), result=root)
        return Answer(content, result=root)


class SOAPSIOClient(SOAPClient):
    """Sends envelopes of SOAP 1.1, and gives what stands beside `zato_env` in the answer.

    That is an item, or the list of items of an `item_list`.
    """

    def read(self, response: requests.Response) -> Answer:
        """Return the item, or the items."""
        answer = super().read(response)
        if not answer.ok or answer.data is None:
            return answer
        result = _text(answer.data, "zato_env/result") or ZATO_OK
        if result != ZATO_OK:
            details = _text(answer.data, "zato_env/details") or result
            return Answer(ok=False, details=details, result=answer.result)
        return Answer(_content(answer.data), result=answer.result)


def _content(element: Value) -> Value:
    """Return the item of an answer, or the list of its items; what has neither is the answer."""
    items = element.find(_any("item_list"))
    if items is not None:
        return list(items.iterchildren())
    item = element.find(_any("item"))
    return element if item is None else item


def _text(element: objectify.ObjectifiedElement, path: str) -> str:
    """Return the text of a child, whatever its namespace is."""
    found = element.findtext("/".join(_any(name) for name in path.split("/")))
    return str(found or "").strip()


def _any(name: str) -> str:
    return f"{{*}}{name}"
