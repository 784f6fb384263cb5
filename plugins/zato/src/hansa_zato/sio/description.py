"""SimpleIO as Models of Hansa, from which other plugins derive documents such as a WSDL."""

from __future__ import annotations

import datetime
import decimal
import types
import uuid
from typing import Annotated, Any, Final, TypeAlias

from hansa import Model, setting

from .declaration import Declaration, Element
from .types import ForceType
from .values import NOT_GIVEN

IOModels: TypeAlias = tuple[type | None, type | None, str | None]
"""Model of the request, model of the response's contents, name of the response element.

None for what is not declared.
"""

_PLAIN: Final = (
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


class ZatoEnv(Model):
    """What precedes the data of each response."""

    cid: Annotated[str, setting("Correlation id of the request")]
    result: Annotated[str, setting("ZATO_OK, or ZATO_ERROR")]


def describe(declared: Declaration, name: str) -> IOModels:
    """Return the models of a service's request and response, and the name of its response element.

    The contents of a response are what XML and SOAP carry: `zato_env`, then `item`, or `item_list`
    where the output is a list. Whether it is one is not known beforehand unless `output_repeated`
    says so, so both are there, optional.
    """
    title = "".join(part.title() for part in name.replace(".", "-").split("-"))
    request = declared.input_model.model if declared.input_model else None
    if declared.inputs:
        request = _model(f"{title}Request", declared.inputs)
    response = declared.output_model.model if declared.output_model else None
    if declared.outputs:
        item = _model(f"{title}Item", declared.outputs)
        response = _response_model(f"{title}Response", item, declared.output_repeated)
    default_elem = "response" if declared.outputs else None
    return request, response, declared.response_elem or default_elem


def _response_model(name: str, item: type[Model], is_repeated: bool) -> type[Model]:
    annotations: dict[str, object] = {"zato_env": ZatoEnv}
    defaults: dict[str, object] = {}
    if not is_repeated:
        annotations["item"] = item | None
        defaults["item"] = None
    annotations["item_list"] = types.GenericAlias(list, item) | None
    defaults["item_list"] = None
    return _make_model(name, "The response.", annotations, defaults)


def _model(name: str, elements: tuple[Element, ...]) -> type[Model]:
    """Return a model with one field for each element.

    What may be missing is optional, what goes out may be empty too.
    """
    annotations: dict[str, object] = {}
    defaults: dict[str, object] = {}
    for element in elements:
        hint = _hint(element.type)
        if element.required and element.default is NOT_GIVEN:
            annotations[element.name] = hint
        else:
            annotations[element.name] = hint if hint is Any else hint | None
            defaults[element.name] = None
    return _make_model(name, f"Declared by {name}.", annotations, defaults)


def _hint(declared: ForceType) -> Any:
    """Return the type of an element as an annotation."""
    python = declared.python
    if python is list:
        return list[str] if declared.xml == "list" else Any
    if python is dict:
        return dict[str, str]
    return python if python in _PLAIN else str


def _make_model(
    name: str, doc: str, annotations: dict[str, object], defaults: dict[str, object]
) -> type[Model]:
    body = {"__annotations__": annotations, "__doc__": doc, "__module__": __name__, **defaults}
    return type(name, (Model,), body)
