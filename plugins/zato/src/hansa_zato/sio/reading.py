"""From a request to the input of a service: each declared name looked up, converted, or reported as a fault."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from hansa import Invalid

from ..bunch import Bunch
from ..dialect.exceptions import InvalidInput
from . import models, xml
from .declaration import Declaration, Element, ModelSide
from .naming import ByName
from .types import Boolean, ForceType
from .values import NOT_GIVEN

Body = Any
Reader = Callable[[str, Body, Mapping[str, Any]], Any]
_EMPTY: Mapping[str, Any] = {}


class Input(Bunch):
    """`self.request.input`: the declared names, and all path and query parameters, as items and attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"no input is named {name!r}; there are: {', '.join(map(repr, sorted(self))) or 'none'}"
            ) from None

    def require_any(self, *names: str) -> None:
        """Raise ValueError unless at least one of these has a value that counts as true."""
        if not any(self.get(name) for name in names):
            raise ValueError(f"at least one of {', '.join(map(repr, names))} is required")

    def deepcopy(self) -> Input:
        """A copy of its own, at every depth."""
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: Any) -> Input:
        return Input({key: copy.deepcopy(value, memo) for key, value in self.items()})


def reader(declared: Declaration, params_first: bool = True) -> Reader:
    """Build the function (cid, body, channel parameters) -> input, with all that can be decided before a request decided.

    The body is a mapping, an lxml element, or None. `params_first` says who wins where parameters and body both have a name.
    """
    if declared.input_model is not None:
        return _model_reader(declared.input_model, declared, params_first)
    plan = [
        (element, _missing(element, declared), _converter(element.type))
        for element in declared.inputs
    ]
    names = frozenset(element.name for element in declared.inputs)
    skip = _skipper(declared) if declared.skip_empty_request else None
    use_text, root_name, ignore_body = (
        declared.use_text,
        declared.request_elem,
        declared.channel_params_only,
    )

    def read(cid: str, body: Body, params: Mapping[str, Any]) -> Input:
        from_xml: dict[str, list[Any]] | None = None
        plain: Mapping[str, Any] = _EMPTY
        if body is not None and not ignore_body:
            if isinstance(body, Mapping):
                plain = body
            elif hasattr(body, "tag"):
                from_xml = xml.children(xml.request_root(body, root_name))
            else:
                raise InvalidInput(
                    cid, f"expected an object with the declared names, got {type(body).__name__}"
                )
        found, faults = Input(), {}
        for element, missing, convert in plan:
            name = element.name
            if params_first and name in params:
                value = params[name]
            elif name in plain:
                value = plain[name]
            elif from_xml is not None and name in from_xml:
                value = xml.read(from_xml[name], element.type, use_text)
            elif name in params:
                value = params[name]
            elif missing is NOT_GIVEN:
                faults[name] = "required, and missing"
                continue
            else:
                found[name] = missing if missing.__class__ in _ATOMS else copy.deepcopy(missing)
                continue
            try:
                found[name] = convert(value)
            except (ValueError, TypeError) as error:
                faults[name] = str(error)
        if faults:
            raise InvalidInput(cid, faults)
        for name, value in params.items():
            if name not in names:
                found[name] = value
        return skip(found) if skip else found

    return read


_ATOMS = frozenset({str, int, float, bool, type(None)})


def _converter(type: ForceType) -> Callable[[Any], Any]:
    """The conversion of one type; values that are empty stay what they are, except for what is boolean by its name."""
    convert = type.read
    if isinstance(type, Boolean) and isinstance(type, ByName):
        return convert
    if isinstance(type, Boolean):
        return lambda value: value if value is None else convert(value)
    return lambda value: value if value is None or value == "" else convert(value)


def _missing(element: Element, declared: Declaration) -> Any:
    """The value of an element that the request lacks; NOT_GIVEN if it must be there."""
    for default in (element.default, declared.default_value):
        if default is not NOT_GIVEN:
            return default
    if element.required:
        return NOT_GIVEN
    if isinstance(element.type, Boolean) and (
        isinstance(element.type, ByName) or declared.profile == "3.x"
    ):
        return element.type.read("")
    return ""


def _skipper(declared: Declaration) -> Callable[[Input], Input]:
    def skip(found: Input) -> Input:
        return Input((name, value) for name, value in found.items() if kept(name, value, declared))

    return skip


def kept(name: str, value: Any, declared: Declaration) -> bool:
    """Whether a key stays where empty ones are to be left out."""
    return (
        value not in ("", None, [], {})
        or declared.force_empty is True
        or name in declared.force_empty
    )


def _model_reader(side: ModelSide, declared: Declaration, params_first: bool) -> Reader:
    def read(cid: str, body: Body, params: Mapping[str, Any]) -> Any:
        if isinstance(body, side.model):
            return body
        if hasattr(body, "tag"):
            body = xml.to_data(xml.request_root(body, declared.request_elem)) or {}
        if declared.channel_params_only or body is None:
            body = {}
        if side.many:
            if not isinstance(body, list):
                raise InvalidInput(cid, f"expected a list, got {type(body).__name__}")
            return _faulty(cid, list[side.model], body)  # type: ignore[name-defined]
        if isinstance(body, Mapping) and params:
            body = {**body, **params} if params_first else {**params, **body}
        return _faulty(cid, side.model, body)

    return read


def _faulty(cid: str, model: Any, body: Any) -> Any:
    try:
        return models.build(model, body)
    except Invalid as invalid:
        raise InvalidInput(cid, invalid.errors) from None
