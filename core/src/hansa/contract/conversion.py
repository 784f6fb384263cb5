"""From a request to a service's input, and from its answer to bytes: functions that are built once
for each route.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_origin

from ..foundation.errors import Invalid
from ..settings.members import members
from ..settings.model import Model
from ..settings.validate import dump, load
from .message import Request, Response
from .parameters import ReadBody, parameter_reader

if TYPE_CHECKING:
    from .kinds import Format


Parse = Callable[[bytes, Any], Any]
"""What reads a body as a declared input."""


def input_reader(model: Any, format: Format | None) -> Callable[[Request], Any]:
    """Return the function that makes a service's input of a request; `model` is the declared input,
    if any.

    Bytes are read by the format. Parameters of path and query are merged over an object, see
    `parameter_reader`. Without a body and parameters the input is None; where an object is
    declared, it is one without members. The function raises `Invalid` for what does not fit.
    """
    if model is None:
        return _plain_reader(format)
    parse = _parse_of(format)
    merge = parameter_reader(model)
    nothing: dict[str, Any] | None = {} if _is_object(model) else None

    def read(request: Request) -> Any:
        if request.params:
            return merge(request.params, _body_reader(request, parse))
        if request.raw:
            return parse(request.raw, model)
        payload = request.payload
        if isinstance(model, type) and isinstance(payload, model):
            return payload
        return convert(nothing if payload is None else payload, model, strict=True)

    return read


def _is_object(model: Any) -> bool:
    """Whether a declared input is an object and nothing else."""
    return members(model) is not None or get_origin(model) is dict or hasattr(model, "model_fields")


def _parse_of(format: Format | None) -> Parse:
    """Return what reads a body as a declared input; it raises `Invalid`, always without a format."""
    if format is None:
        return _refuse
    return format.parse


def _refuse(raw: bytes, model: Any) -> Any:
    raise Invalid("the service has a declared input; its channel needs a format to read it")


def _body_reader(request: Request, parse: Parse) -> ReadBody | None:
    """Return what reads the body of a request as some type; None if it has none."""
    if request.raw:
        return lambda model: parse(request.raw, model)
    payload = request.payload
    if payload is None:
        return None
    return lambda model: payload if model is None else convert(payload, model, strict=True)


def _plain_reader(format: Format | None) -> Callable[[Request], Any]:
    """Return the function for a service without a declared input: what the format reads, or the
    body as it is.
    """
    parse = _parse_of(format)
    merge = parameter_reader(None)

    def read(request: Request) -> Any:
        if request.params and (format is not None or not request.raw):
            return merge(request.params, _body_reader(request, parse))
        if request.raw and format is not None:
            return format.parse(request.raw)
        if request.payload is not None:
            return request.payload
        return request.raw or None

    return read


def convert(data: Any, model: Any, *, strict: bool) -> Any:
    """Return plain data, or a model, as another model; keys that it does not declare are ignored.
    Raises `Invalid`.
    """
    plain = dump(data, str) if isinstance(data, Model) else data
    return load(model, plain, strict=strict, unknown=False)


def output_writer(model: Any, format: Format | None) -> Callable[[Response], None]:
    """Return the function that turns a response's payload into bytes; without a format, payloads
    stay objects.

    `model` is the declared output, if any. What does not fit it, or cannot be written, is the
    service's fault and no fault of its caller: the function raises TypeError.
    """
    is_class = isinstance(model, type)

    def write(response: Response) -> None:
        payload = response.payload
        if payload is None:
            return
        if is_class and not isinstance(payload, model):
            payload = response.payload = _fitted(payload, model)
        content_type = ""
        if format is not None and not isinstance(payload, bytes):
            try:
                response.raw, content_type = format.write(payload, model)
            except Invalid as invalid:
                raise TypeError(f"the answer cannot be written: {invalid}") from invalid
        elif isinstance(payload, bytes):
            response.raw = payload
            content_type = "" if format is None else format.content_type
        elif isinstance(payload, str):
            response.raw = payload.encode()
        if not response.content_type:
            response.content_type = content_type

    return write


def _fitted(payload: object, model: Any) -> Any:
    try:
        return convert(payload, model, strict=True)
    except Invalid as invalid:
        raise TypeError(f"the answer does not fit the declared output: {invalid}") from invalid
