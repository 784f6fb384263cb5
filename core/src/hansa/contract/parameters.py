"""Parameters of path and query as part of a service's input: typed as it declares them, and merged
over a body.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from ..foundation.errors import Invalid
from ..settings.faults import Faults
from ..settings.members import (
    MemberDeclaration,
    alternatives,
    is_list,
    is_scalar,
    members,
    partial_record,
)
from ..settings.model import Model
from ..settings.validate import dump, load

T = TypeVar("T")

PlainData = dict[str, Any]
ReadBody = Callable[[Any], Any]
"""Reads the body of a request as a type, exactly as if there were no parameters."""
Parameters = Mapping[str, Any]
"""Values of path and query by name: text, or a list of texts."""
Merge = Callable[[Parameters, ReadBody | None], object]
"""Makes an input of parameters, and of a body if there is one; raises `Invalid` with all faults."""


def parameter_reader(model: Any) -> Merge:
    """Return the function that merges parameters over a body for an input of this type.

    The body is read as it would be without parameters, but for members that they bring: those may
    be missing. A parameter is text, converted to the type of its member; whether it is a list is
    decided by that type, and by the number of its values only where the type leaves it open.
    """
    types = alternatives(model)
    record = types[0] if len(types) == 1 else None
    if hasattr(record, "model_validate_json"):
        return _for_pydantic(record)
    declared = members(record)
    if declared is not None:
        return _for_record(record, declared)
    if get_origin(record) is dict:
        return _for_dictionary(record)
    return _for_anything(model)


def typed_parameters(record: Any, params: Parameters) -> PlainData:
    """Return parameters as plain data of the types that a record declares for them; what it does
    not declare stays text.

    Raises `Invalid` with all faults.
    """
    declared = members(record) or ()
    shaped = shaped_parameters(params, {one.name: one.hint for one in declared})
    partial = partial_record(record, declared)
    given = load(partial, shaped, strict=False, unknown=False)
    for one in declared:
        if one.name in shaped:
            shaped[one.name] = dump(getattr(given, one.attribute), str)
    return shaped


# -- records ---------------------------------------------------------------------------------------


def _for_record(record: Any, declared: tuple[MemberDeclaration, ...]) -> Merge:
    partial = partial_record(record, declared)
    hints = {one.name: one.hint for one in declared}
    has_check = isinstance(record, type) and issubclass(record, Model)

    def merge(params: Parameters, read_body: ReadBody | None) -> object:
        shaped = shaped_parameters(params, hints)
        if read_body is None:
            return load(record, shaped, strict=False, unknown=False)
        faults: Faults = {}
        body = _attempt(lambda: read_body(partial), faults)
        given = _attempt(lambda: load(partial, shaped, strict=False, unknown=False), faults)
        if faults:
            raise Invalid(_missing_too(faults, record, params, read_body))
        values: PlainData = {}
        for one in declared:
            value = getattr(given, one.attribute)
            if value is msgspec.UNSET:
                value = getattr(body, one.attribute)
            if value is not msgspec.UNSET:
                values[one.attribute] = value
            elif one.required:
                faults[one.name] = "required, and missing"
        if faults:
            raise Invalid(faults)
        merged = record(**values)
        if has_check:
            merged.check()
        return merged

    return merge


def _attempt(read: Callable[[], T], faults: Faults) -> T | None:
    """Return what is read, or collect its faults."""
    try:
        return read()
    except Invalid as invalid:
        faults.update(invalid.errors)
        return None


def _missing_too(faults: Faults, record: Any, params: Parameters, read_body: ReadBody) -> Faults:
    """Return faults, and with them what a body lacks that the parameters do not bring."""
    whole: Faults = {}
    _attempt(lambda: read_body(record), whole)
    lacking = {name: fault for name, fault in whole.items() if name not in params}
    return {**lacking, **faults}


# -- everything else -------------------------------------------------------------------------------


def _for_dictionary(model: Any) -> Merge:
    hint = get_args(model)[1]

    def merge(params: Parameters, read_body: ReadBody | None) -> object:
        shaped = shaped_parameters(params, dict.fromkeys(params, hint))
        given = load(model, shaped, strict=False)
        if read_body is None:
            return given
        return {**read_body(model), **given}

    return merge


def _for_pydantic(model: Any) -> Merge:
    """Pydantic converts text by itself; what it reads is JSON, as it is without parameters."""
    hints: PlainData = {}
    for name, field in model.model_fields.items():
        hints[name] = field.annotation
        hints[field.validation_alias or field.alias or name] = field.annotation

    def merge(params: Parameters, read_body: ReadBody | None) -> object:
        shaped = shaped_parameters(params, hints)
        return load(model, {**_object(read_body, model), **shaped})

    return merge


def _for_anything(model: Any) -> Merge:
    """For an input without a declaration, a union of records, or what is no object at all."""

    def merge(params: Parameters, read_body: ReadBody | None) -> object:
        if model is not None and not _may_be_object(model):
            raise _not_mergeable("the declared input of the service is no object")
        merged = {**_object(read_body, model), **params}
        if model is None:
            return merged
        return load(model, merged, strict=False, unknown=False)

    return merge


def _may_be_object(model: object) -> bool:
    for one in alternatives(model):
        kind = get_origin(one) or one
        if kind in (dict, Any, object, Mapping) or members(kind) is not None:
            return True
    return False


def _object(read_body: ReadBody | None, model: Any) -> PlainData:
    """Return a body as plain data; raises `Invalid` if it is no object."""
    data: Any = None
    if read_body is not None:
        data = read_body(None)
    if model is not None and hasattr(data, "to_data"):
        data = data.to_data(model)
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise _not_mergeable(f"expected an object, got {_name_of(data)}")
    return dict(data)


def _name_of(data: object) -> str:
    return "array" if isinstance(data, list | tuple) else type(data).__name__


def _not_mergeable(why: str) -> Invalid:
    return Invalid(
        f"{why}; only an object can be merged with parameters of path and query, and the channel's "
        "setting merge_url_params_req = false keeps them apart"
    )


# -- the shape of values ---------------------------------------------------------------------------


def shaped_parameters(params: Parameters, hints: Mapping[str, Any]) -> PlainData:
    """Return the values of parameters in the shape of their declared types: one value of a list is
    a list, too.

    Raises `Invalid` for several values of what is no list, and for NaN and infinities, which JSON
    does not have either.
    """
    shaped: PlainData = {}
    faults: Faults = {}
    for name, value in params.items():
        hint = hints.get(name, Any)
        if not isinstance(value, list) and is_list(hint):
            value = [value]
        elif isinstance(value, list) and is_scalar(hint):
            faults[name] = f"given {len(value)} times, and takes one value"
        if _has_number_beyond_json(value, hint):
            faults[name] = "Expected a finite number"
        shaped[name] = value
    if faults:
        raise Invalid(faults)
    return shaped


def _has_number_beyond_json(value: object, hint: object) -> bool:
    kind = _number_type(hint)
    if kind is None:
        return False
    given: Iterable[object] = value if isinstance(value, list) else (value,)
    return any(_is_beyond_json(str(one), kind) for one in given)


def _number_type(hint: object) -> type[float] | type[Decimal] | None:
    """Return the type of the numbers with NaN and infinities that a type takes, alone or in a list."""
    for one in alternatives(hint):
        if one is Decimal:
            return Decimal
        if one is float:
            return float
        if get_origin(one) in (list, set, frozenset, tuple):
            for argument in get_args(one):
                found = _number_type(argument)
                if found is not None:
                    return found
    return None


def _is_beyond_json(text: str, kind: type[float] | type[Decimal]) -> bool:
    try:
        number = kind(text)
    except (ValueError, InvalidOperation):
        return False
    return not (number.is_finite() if isinstance(number, Decimal) else math.isfinite(number))
