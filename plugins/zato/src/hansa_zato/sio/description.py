"""SimpleIO as Models of Hansa, from which other plugins derive documents such as a WSDL."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Annotated, Any

from hansa import Model, setting

from .declaration import Declaration, Element
from .values import NOT_GIVEN


class ZatoEnv(Model):
    """What precedes the data of each response."""

    cid: Annotated[str, setting("Correlation id of the request")]
    result: Annotated[str, setting("ZATO_OK, or ZATO_ERROR")]


def describe(declared: Declaration, name: str) -> tuple[Any, Any, str | None]:
    """(model of the request, model of the response's contents, name of the response element); None for what is not declared.

    The contents are what XML and SOAP carry: `zato_env`, then `item`, or `item_list` where the output is a list; of a list it is
    not known beforehand, unless `output_repeated` says so, so both are there, optional.
    """
    title = "".join(part.title() for part in name.replace(".", "-").split("-"))
    request: Any = declared.input_model.model if declared.input_model else None
    if declared.inputs:
        request = _model(f"{title}Request", declared.inputs)
    response: Any = declared.output_model.model if declared.output_model else None
    if declared.outputs:
        item = _model(f"{title}Item", declared.outputs)
        body: dict[str, Any] = {
            "__annotations__": {"zato_env": ZatoEnv},
            "__doc__": "The response.",
            "__module__": __name__,
        }
        if not declared.output_repeated:
            body["__annotations__"]["item"], body["item"] = item | None, None
        body["__annotations__"]["item_list"], body["item_list"] = list[item] | None, None  # type: ignore[valid-type]
        response = type(f"{title}Response", (Model,), body)
    return request, response, declared.response_elem or ("response" if declared.outputs else None)


_PLAIN = (
    str,
    int,
    float,
    bool,
    list,
    dict,
    decimal.Decimal,
    datetime.datetime,
    datetime.date,
    uuid.UUID,
)


def _model(name: str, elements: tuple[Element, ...]) -> type[Model]:
    """One field for each element; elements that may be missing are optional, those that go out may be empty too."""
    body: dict[str, Any] = {
        "__annotations__": {},
        "__doc__": f"Declared by {name}.",
        "__module__": __name__,
    }
    for element in elements:
        python: Any = element.type.python if element.type.python in _PLAIN else str
        if python is list:
            python = list[str] if element.type.xml == "list" else Any
        elif python is dict:
            python = dict[str, str]
        if element.required and element.default is NOT_GIVEN:
            body["__annotations__"][element.name] = python
        else:
            body["__annotations__"][element.name] = python if python is Any else python | None
            body[element.name] = None
    return type(name, (Model,), body)
