"""From a request to a service's input, and from its answer to bytes: functions that are built once
for each route.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..foundation.errors import Invalid
from ..settings.model import Model
from ..settings.validate import dump, load
from .message import Request, Response

if TYPE_CHECKING:
    from .kinds import Format


def input_reader(model: Any, format: Format | None) -> Callable[[Request], Any]:
    """Return the function that makes a service's input of a request; `model` is the declared input,
    if any.

    Bytes are read by the format. Parameters of path and query are merged over an object; text among
    them is converted. The function raises `Invalid` for what does not fit.
    """
    if model is None:
        return _plain_reader(format)

    def read(request: Request) -> Any:
        if request.params:
            return convert(_merged(request, model, format), model, strict=False)
        return read_body(request)

    def read_body(request: Request) -> Any:
        if request.raw and format is not None:
            return format.parse(request.raw, model)
        if request.raw:
            raise Invalid("the service has a declared input; its channel needs a format to read it")
        if isinstance(model, type) and isinstance(request.payload, model):
            return request.payload
        payload = {} if request.payload is None else request.payload
        return convert(payload, model, strict=True)

    return read


def _plain_reader(format: Format | None) -> Callable[[Request], Any]:
    """Return the function for a service without a declared input: what the format reads, or the
    body as it is.
    """

    def read(request: Request) -> Any:
        if request.params and (format is not None or not request.raw):
            return _merged(request, None, format)
        if request.raw and format is not None:
            return format.parse(request.raw)
        if request.payload is not None:
            return request.payload
        return request.raw or None

    return read


def _merged(request: Request, model: Any, format: Format | None) -> dict[str, Any]:
    """Return the object in a request's body with its parameters over it; raises `Invalid` if the
    body is no object.
    """
    data = request.payload
    if format is not None and request.raw:
        data = format.parse(request.raw)
    if model is not None and hasattr(data, "to_data"):
        data = data.to_data(model)
    if data is None:
        return dict(request.params)
    if not isinstance(data, dict):
        raise Invalid(f"expected an object to merge with the parameters, got {type(data).__name__}")
    return {**data, **request.params}


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
        if isinstance(payload, bytes):
            response.raw = payload
        elif format is not None:
            response.raw = _rendered(payload, model, format)
        elif isinstance(payload, str):
            response.raw = payload.encode()
        if format is not None and not response.content_type:
            response.content_type = format.content_type

    return write


def _fitted(payload: object, model: Any) -> Any:
    try:
        return convert(payload, model, strict=True)
    except Invalid as invalid:
        raise TypeError(f"the answer does not fit the declared output: {invalid}") from invalid


def _rendered(payload: object, model: Any, format: Format) -> bytes:
    try:
        return format.render(payload, model)
    except Invalid as invalid:
        raise TypeError(f"the answer cannot be written: {invalid}") from invalid
