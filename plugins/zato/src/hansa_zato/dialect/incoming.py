"""From a message to its payload and its input: how, is decided once for a service on a channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hansa import Binding, Invalid, Model as CoreModel, Request as CoreRequest, dump

from ..sio.declaration import Declaration
from ..sio.reading import Input, reader
from .exceptions import InvalidInput
from .invocation import as_model_payload
from .request import readable


def parser(
    binding: Binding, declared: Declaration | None
) -> Callable[[CoreRequest], tuple[Any, Any, Any]]:
    """Build Request -> (payload, body for SimpleIO, XML element or None)."""
    format = binding.format
    if format is not None and format.type in ("xml", "soap"):

        def parse_xml(core: CoreRequest) -> tuple[Any, Any, Any]:
            if not core.raw:
                return _given(core)
            element = format.parse(core.raw, None)
            element = getattr(element, "element", element)
            return None, element, element

        return parse_xml
    if format is not None and format.type != "csv":

        def parse(core: CoreRequest) -> tuple[Any, Any, Any]:
            if not core.raw:
                return _given(core)
            data = format.parse(core.raw, None)
            return data, data, None

        return parse
    if declared is None:
        return _given

    def guess(core: CoreRequest) -> tuple[Any, Any, Any]:
        payload, body, _ = _given(core)
        if isinstance(body, str | bytes):
            body = _json_of(body, core.cid) if declared.inputs or declared.input_model else None
        return payload, body, None

    return guess


def _given(core: CoreRequest) -> tuple[Any, Any, Any]:
    """A message without a format: the object that was given, or the body as text."""
    if core.payload is not None:
        body = (
            dump(core.payload, str)
            if isinstance(core.payload, CoreModel)
            else as_model_payload(core.payload)
        )
        return core.payload, body if body != "" else None, None
    return (text := readable(core.raw)), text or None, None


def _json_of(text: str | bytes, cid: str) -> Any:
    """What a text without a format means to a service that declared its input."""
    if not text.strip():
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput(
            cid,
            "the service has a declared input; without a format, its message must be a JSON object",
        ) from None


def input_reader(declared: Declaration | None, binding: Binding) -> Callable[[str, Any, Any], Any]:
    """Build the reader of the input; without a declaration, the input is the channel's parameters."""
    priority = getattr(binding.config, "params_pri", "channel-params-over-msg")
    if declared is None or not (declared.inputs or declared.input_model):
        return lambda cid, body, params: Input(params)
    read = reader(declared, priority != "msg-over-channel-params")

    def checked(cid: str, body: Any, params: Any) -> Any:
        try:
            return read(cid, body, params)
        except InvalidInput:
            raise
        except Invalid as invalid:
            raise InvalidInput(cid, invalid.errors) from None

    return checked
