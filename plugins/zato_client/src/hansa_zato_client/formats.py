"""Clients of messages in JSON, in XML, and in any form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import requests

from .client import Client, decoded, json_text
from .response import Answer, Response
from .values import Value
from .xml import parse, xml_text

JSON: Final = {"Content-Type": "application/json"}
XML: Final = {"Content-Type": "application/xml"}


class RawDataClient(Client):
    """Sends text or bytes, and gives the text that comes back."""

    def invoke(
        self, payload: str | bytes = "", headers: Mapping[str, str] | None = None, **ignored: Value
    ) -> Response:
        """Send a message and return its response."""
        return self.post(payload, headers or {})

    def read(self, response: requests.Response) -> Answer:
        """Return the text."""
        return Answer(response.text, result=response.text)


class JSONClient(Client):
    """Sends data in JSON, and gives the data that comes back."""

    def invoke(
        self, payload: Value = "", headers: Mapping[str, str] | None = None, to_json: bool = True
    ) -> Response:
        """Send a message and return its response; text is sent as it is."""
        return self.post(json_text(payload, to_json=to_json), {**JSON, **(headers or {})})

    def read(self, response: requests.Response) -> Answer:
        """Return the data; an error's `zato_env` says what went wrong."""
        message = decoded(response)
        details = "" if response.ok else details_of(message)
        return Answer(self.shaped(message), details=details, result=message)


class XMLClient(Client):
    """Sends XML, and gives the root element that comes back, as lxml.objectify has it."""

    def invoke(
        self, payload: Value = "", headers: Mapping[str, str] | None = None, **ignored: Value
    ) -> Response:
        """Send a text or an element of lxml, and return its response."""
        return self.post(xml_text(payload), {**XML, **(headers or {})})

    def read(self, response: requests.Response) -> Answer:
        """Return the root element."""
        root = parse(response.content) if response.content else None
        return Answer(root, result=root)


def details_of(message: Value) -> str:
    """Return what an error in JSON says: in Zato's envelope, in that of 3.x, or in Hansa's."""
    if not isinstance(message, dict):
        return ""
    envelope = message.get("zato_env")
    found = envelope if isinstance(envelope, dict) else message
    return str(found.get("details") or found.get("detail") or "")
