"""From a message to its payload and its input.

How it is read is decided once for a service on a channel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import msgspec
from hansa import Binding, Format, Invalid, Model as CoreModel, Request as CoreRequest, dump

from ..payloads import Value
from ..sio.declaration import Declaration
from ..sio.models import Model
from ..sio.reading import Body, Input, Params, Reader, reader
from ..sio.xml import XMLElement
from .exceptions import InvalidInput
from .request import readable


class Parsed(NamedTuple):
    """A parsed message: the service's payload, the body for SimpleIO, the element of XML."""

    payload: object
    body: Body
    element: XMLElement | None = None


Parser: TypeAlias = Callable[[CoreRequest], Parsed]


def parser(binding: Binding, declared: Declaration | None) -> Parser:
    """Return the function that parses the messages of a channel."""
    format = binding.format
    if format is not None and format.type in ("xml", "soap"):
        return _xml_parser(format)
    if format is not None and format.type != "csv":
        return _data_parser(format)
    if declared is None:
        return _given
    return _guessing_parser(declared)


def _xml_parser(format: Format) -> Parser:
    def parse(core: CoreRequest) -> Parsed:
        if not core.raw:
            return _given(core)
        found = format.parse(core.raw, None)
        element = getattr(found, "element", found)
        return Parsed(None, element, element)

    return parse


def _data_parser(format: Format) -> Parser:
    def parse(core: CoreRequest) -> Parsed:
        if not core.raw:
            return _given(core)
        data = format.parse(core.raw, None)
        return Parsed(data, data)

    return parse


def _guessing_parser(declared: Declaration) -> Parser:
    """Return the parser of a channel without a format.

    Text means JSON to a service that declares its input.
    """
    declares_input = bool(declared.inputs or declared.input_model)

    def parse(core: CoreRequest) -> Parsed:
        payload, body, _ = _given(core)
        if not isinstance(body, str | bytes):
            return Parsed(payload, body)
        return Parsed(payload, _json_of(body, core.cid) if declares_input else None)

    return parse


def _given(core: CoreRequest) -> Parsed:
    """Return a message without a format: the object that was passed, the form that the channel has
    read, or the body as text.
    """
    payload = core.payload
    if "form" in core.extra:
        return Parsed(dict(core.extra["form"]), None)
    if payload is None:
        text = readable(core.raw)
        return Parsed(text, text or None)
    if isinstance(payload, CoreModel):
        return Parsed(payload, dump(payload, str))
    if isinstance(payload, Model):
        return Parsed(payload, payload.to_dict())
    return Parsed(payload, None if payload == "" else payload)


def _json_of(text: str | bytes, cid: str) -> object:
    """Return what a text without a format means to a service that declares its input.

    Raises `InvalidInput`.
    """
    if not text.strip():
        return None
    try:
        found: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput(
            cid,
            "the service has a declared input; without a format, its message must be a JSON object",
        ) from None
    return found


def input_reader(declared: Declaration | None, binding: Binding) -> Reader:
    """Return the reader of the input.

    Without a declaration, the input is the channel's parameters.
    """
    priority = getattr(binding.config, "params_pri", "channel-params-over-msg")
    if declared is None or not (declared.inputs or declared.input_model):
        return _read_params
    read = reader(declared, priority != "msg-over-channel-params")

    def read_checked(cid: str, body: Body, params: Params) -> Value:
        try:
            return read(cid, body, params)
        except InvalidInput:
            raise
        except Invalid as invalid:
            raise InvalidInput(cid, invalid.errors) from None

    return read_checked


def _read_params(cid: str, body: Body, params: Params) -> Input:
    return Input(params)
