"""From a request to a service's input: each name looked up, converted, or reported."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import TypeAlias

from hansa import Invalid

from ..bunch import Bunch
from ..dialect.exceptions import InvalidInput
from ..payloads import Value
from . import models, xml
from .declaration import Declaration, Element, ModelSide
from .naming import ByName
from .structures import CSV, Opaque
from .types import AsIs, Boolean, ForceType, Loose, Natural
from .values import ATOMS, NOT_GIVEN, Shape

Body: TypeAlias = object
"""The parsed message: plain data, an lxml element, a model, or None."""

Params: TypeAlias = Mapping[str, object]
"""Values of a channel's path and query string, by name."""

Reader: TypeAlias = Callable[[str, Body, Params], Value]
"""Makes the input of the correlation id, the body and the channel's parameters.

Raises `InvalidInput`.
"""


_OF_ANY_SHAPE = (AsIs, CSV, Loose, Natural, Opaque)
"""Types of elements that take one value or several."""


class Input(Bunch):
    """`self.request.input`: the declared names, and all parameters, as items and attributes."""

    def __getattr__(self, name: str) -> Value:
        if name in self:
            return self[name]
        there = ", ".join(map(repr, sorted(self))) or "none"
        raise AttributeError(f"no input is named {name!r}; there are: {there}")

    def require_any(self, *names: str) -> None:
        """Raise ValueError unless at least one of these has a value that counts as true."""
        if not any(self.get(name) for name in names):
            raise ValueError(f"at least one of {', '.join(map(repr, names))} is required")

    def deepcopy(self) -> Input:
        """Return an independent copy, at every depth."""
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: dict[int, object]) -> Input:
        return Input({key: copy.deepcopy(value, memo) for key, value in self.items()})


@dataclasses.dataclass(frozen=True, slots=True)
class _Expected:
    """One declared name as it is looked up.

    `missing` is its value where the request has none, NOT_GIVEN if that is a fault.
    """

    name: str
    missing: object
    convert: Callable[[object], object]

    def leave_out(self, found: Input, faults: dict[str, str]) -> None:
        """Set the value of a name that the request lacks, or report it."""
        if self.missing is NOT_GIVEN:
            faults[self.name] = "required, and missing"
        elif self.missing.__class__ in ATOMS:
            found[self.name] = self.missing
        else:
            found[self.name] = copy.deepcopy(self.missing)


def reader(declared: Declaration, params_first: bool = True) -> Reader:
    """Return the function that reads the input; what can be is decided before any request.

    `params_first` says which wins where both the parameters and the body have a name.
    """
    if declared.input_model is not None:
        return _model_reader(declared.input_model, declared, params_first)
    plan = [
        _Expected(element.name, _missing(element, declared), _converter(element.type))
        for element in declared.inputs
    ]
    names = frozenset(element.name for element in declared.inputs)
    shapes = {element.name: _shape_of(element.type) for element in declared.inputs}
    read_contents = _contents_reader(declared)
    skips_empty = declared.skip_empty_request

    def read(cid: str, body: Body, params: Params) -> Input:
        given = read_contents(cid, body)
        if params:
            shaped = _shaped(cid, params, shapes)
            given = {**given, **shaped} if params_first else {**shaped, **given}
        found = Input()
        faults: dict[str, str] = {}
        for expected in plan:
            value = given.get(expected.name, NOT_GIVEN)
            if value is NOT_GIVEN:
                expected.leave_out(found, faults)
                continue
            try:
                found[expected.name] = expected.convert(value)
            except (ValueError, TypeError) as error:
                faults[expected.name] = str(error)
        if faults:
            raise InvalidInput(cid, faults)
        for name, value in params.items():
            if name not in names:
                found[name] = value
        return _without_empty(found, declared) if skips_empty else found

    return read


def _shaped(cid: str, params: Params, shapes: Mapping[str, Shape]) -> Mapping[str, object]:
    """Return parameters in the shapes of what they are for: one value of a list is a list, too.

    Raises `InvalidInput` for several values of what takes one.
    """
    shaped = dict(params)
    faults: dict[str, str] = {}
    for name, value in params.items():
        shape = shapes.get(name, "any")
        if shape == "several" and not isinstance(value, list):
            shaped[name] = [value]
        elif shape == "one" and isinstance(value, list):
            faults[name] = f"given {len(value)} times, and takes one value"
    if faults:
        raise InvalidInput(cid, faults)
    return shaped


def _shape_of(type: ForceType) -> Shape:
    if isinstance(type, _OF_ANY_SHAPE):
        return "any"
    return "several" if type.python is list else "one"


def _contents_reader(declared: Declaration) -> Callable[[str, Body], Mapping[str, object]]:
    """Return the function that finds the values in a body by name; it raises `InvalidInput`."""
    types = {element.name: element.type for element in declared.inputs}

    def read_contents(cid: str, body: Body) -> Mapping[str, object]:
        if body is None or declared.channel_params_only:
            return {}
        if isinstance(body, Mapping):
            return body
        if xml.is_element(body):
            children = xml.children(xml.request_root(body, declared.request_elem))
            return {
                name: xml.read(children[name], type, declared.use_text)
                for name, type in types.items()
                if name in children
            }
        raise InvalidInput(
            cid, f"expected an object with the declared names, got {type(body).__name__}"
        )

    return read_contents


def _converter(type: ForceType) -> Callable[[object], object]:
    """Return the conversion of one type.

    Empty values stay as they are, except for what is boolean by its name.
    """
    convert = type.read

    def convert_unless_none(value: object) -> object:
        return value if value is None else convert(value)

    def convert_unless_empty(value: object) -> object:
        return value if value is None or value == "" else convert(value)

    if not isinstance(type, Boolean):
        return convert_unless_empty
    return convert if isinstance(type, ByName) else convert_unless_none


def _missing(element: Element, declared: Declaration) -> object:
    """Return the value of an element that the request lacks; NOT_GIVEN if it must be there."""
    for default in (element.default, declared.default_value):
        if default is not NOT_GIVEN:
            return default
    if element.required:
        return NOT_GIVEN
    is_boolean = isinstance(element.type, Boolean)
    if is_boolean and (isinstance(element.type, ByName) or declared.profile == "3.x"):
        return element.type.read("")
    return ""


def _without_empty(found: Input, declared: Declaration) -> Input:
    return Input((name, value) for name, value in found.items() if kept(name, value, declared))


def kept(name: str, value: object, declared: Declaration) -> bool:
    """Whether a key stays where empty ones are left out."""
    if value not in ("", None, [], {}):
        return True
    return declared.force_empty is True or name in declared.force_empty


def _model_reader(side: ModelSide, declared: Declaration, params_first: bool) -> Reader:
    """Return the function that reads input declared as a model, or as a list of models."""
    shapes = models.parameter_shapes(side.model)

    def read(cid: str, body: Body, params: Params) -> Value:
        if isinstance(body, side.model):
            return body
        if xml.is_element(body):
            body = xml.to_data(xml.request_root(body, declared.request_elem)) or {}
        if declared.channel_params_only or body is None:
            body = {}
        if side.many and not isinstance(body, list):
            raise InvalidInput(cid, f"expected a list, got {type(body).__name__}")
        if isinstance(body, Mapping) and params and not side.many:
            shaped = _shaped(cid, params, shapes)
            body = {**body, **shaped} if params_first else {**shaped, **body}
        try:
            return models.build(side.hint, body)
        except Invalid as invalid:
            raise InvalidInput(cid, invalid.errors) from None

    return read
