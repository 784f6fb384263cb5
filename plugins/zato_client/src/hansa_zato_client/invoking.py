"""The client of any service by its name, through `/zato/admin/invoke`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Final

import requests

from .client import Client, decoded, json_text
from .formats import JSON, details_of
from .response import ZATO_OK, Answer, Response
from .sio import ENVELOPE
from .values import Value
from .xml import parse, xml_text

PATH: Final = "/zato/admin/invoke"
ELEMENT: Final = "zato_service_invoke_response"
OWN_PREFIX: Final = "zato"


class AnyServiceInvoker(Client):
    """Calls any service, whether a channel leads to it or not; its user administers the server."""

    def invoke(
        self,
        name: str | None = None,
        payload: Value = "",
        headers: Mapping[str, str] | None = None,
        channel: str = "invoke",
        data_format: str = "json",
        transport: str | None = None,
        is_async: bool = False,
        expiration: int = 15,
        id: int | None = None,
        to_json: bool = True,
        **more: Value,
    ) -> Response:
        """Call the service of that name, or id, and return its response.

        The payload is data for `data_format` json, an element or a text for xml. With `is_async`
        (also called `async`) nobody waits for it: `data` is the correlation id of the call.
        """
        message: dict[str, Value] = {
            "payload": base64.b64encode(_bytes(payload, data_format, to_json)).decode(),
            "channel": channel,
            "data_format": data_format,
            "transport": transport,
            "async": bool(more.pop("async", is_async)),
            "expiration": expiration,
        }
        if more:
            raise TypeError(f"invoke() has no argument {', '.join(sorted(more))}")
        message.update({"id": id} if name is None else {"name": name})
        return self.post(json.dumps(message), {**JSON, **(headers or {})})

    def invoke_async(self, *args: Value, **kwargs: Value) -> Response:
        """Have a service called later; `data` of the response is the correlation id of the call."""
        return self.invoke(*args, **{**kwargs, "is_async": True})

    def read(self, response: requests.Response) -> Answer:
        """Return what the service answered: data, an element for XML, else text."""
        message = decoded(response)
        if not isinstance(message, dict):
            raise ValueError(f"no object: {response.text}")
        result = _member(message, ENVELOPE).get("result", ZATO_OK)
        if not response.ok or result != ZATO_OK:
            return Answer(ok=False, details=details_of(message), result=message)
        encoded = _member(message, ELEMENT).get("response") or ""
        content = base64.b64decode(str(encoded))
        return Answer(self.shaped(_data(content)), result=message)


class ZatoClient(AnyServiceInvoker):
    """The same, whose path need not be said."""

    def __init__(self, address: str, path: str = PATH, *args: Value, **kwargs: Value) -> None:
        super().__init__(address, path, *args, **kwargs)


def _member(message: dict[str, Value], name: str) -> dict[str, Value]:
    """Return an object in a message; raises ValueError for anything else, and nothing if it is not there."""
    found = message.get(name) or {}
    if not isinstance(found, dict):
        raise ValueError(f"{name} is no object")
    return found


def _bytes(payload: Value, data_format: str, to_json: bool) -> bytes:
    """Return a payload as it is sent."""
    if hasattr(payload, "getroottree"):
        written = xml_text(payload)
    else:
        written = json_text(payload, to_json=to_json)
    return written.encode() if isinstance(written, str) else written


def _data(content: bytes) -> Value:
    """Return what a service answered, without an element around it that is Zato's own."""
    if not content:
        return None
    try:
        data = json.loads(content)
    except ValueError:
        return _text_or_element(content)
    if isinstance(data, dict):
        data.pop(ENVELOPE, None)
        names = list(data)
        if len(names) == 1 and names[0].startswith(OWN_PREFIX):
            return data[names[0]]
    return data


def _text_or_element(content: bytes) -> Value:
    """Return an element for XML, else text."""
    if content.lstrip().startswith(b"<"):
        try:
            return parse(content)
        except ValueError:
            pass
    return content.decode(errors="replace")
