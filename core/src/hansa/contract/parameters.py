"""Parameters of path and query as part of a service's input: typed as it declares them, and merged
over a body.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from ..foundation.errors import Invalid
from ..settings.decimals import NOT_FINITE
from ..settings.faults import Faults, kind_of_data
from ..settings.members import (
    MemberDeclaration,
    alternatives,
    is_list,
    is_scalar,
    members,
    partial_record,
    takes_empty_text,
)
from ..settings.model import Model
from ..settings.validate import dump, load

CHECKED = "on"
"""The value of a checkbox in a form that gives it none (HTML Standard, section 4.10.5); forms come as
bodies, and with GET as queries.
"""

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
        body = _attempt(lambda: _read_mergeable(read_body, partial), faults)
        given = _attempt(lambda: load(partial, shaped, strict=False, unknown=False), faults)
        if faults:
            raise Invalid(_missing_too(faults, record, shaped, read_body))
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


def _read_mergeable(read_body: ReadBody, model: Any) -> Any:
    """Return a body as a type; what is no object is refused with the setting that keeps it apart."""
    try:
        return read_body(model)
    except Invalid as invalid:
        if "" in invalid.errors:
            _object(read_body, model)
        raise


def _attempt(read: Callable[[], T], faults: Faults) -> T | None:
    """Return what is read, or collect its faults."""
    try:
        return read()
    except Invalid as invalid:
        faults.update(invalid.errors)
        return None


def _missing_too(faults: Faults, record: Any, given: PlainData, read_body: ReadBody) -> Faults:
    """Return faults, and with them what a body lacks that the parameters given do not bring."""
    whole: Faults = {}
    _attempt(lambda: read_body(record), whole)
    lacking = {name: fault for name, fault in whole.items() if name not in given}
    return {**lacking, **faults}


# -- everything else -------------------------------------------------------------------------------


def _for_dictionary(model: Any) -> Merge:
    hint = get_args(model)[1]

    def merge(params: Parameters, read_body: ReadBody | None) -> object:
        shaped = shaped_parameters(params, dict.fromkeys(params, hint))
        given = load(model, shaped, strict=False)
        if read_body is None:
            return given
        return {**_read_mergeable(read_body, model), **given}

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
        raise _not_mergeable(f"expected an object, got {kind_of_data(data)}")
    return dict(data)


def _not_mergeable(why: str) -> Invalid:
    return Invalid(
        f"{why}; only an object can be merged with parameters of path and query, and the channel's "
        "setting merge_url_params_req = false keeps them apart"
    )


# -- the shape of values ---------------------------------------------------------------------------


def shaped_parameters(params: Parameters, hints: Mapping[str, Any]) -> PlainData:
    """Return the values of parameters in the shape of their declared types: one value of a list is
    a list, too. An empty text for what is never written so, such as a number, counts as not given:
    that is how forms send a field that was left empty. `on`, which a checkbox sends, is true.

    Raises `Invalid` for several values of what is no list, and for floats that are not finite, which
    no body can have: JSON has none.
    """
    shaped: PlainData = {}
    faults: Faults = {}
    for name, value in params.items():
        hint = hints.get(name, Any)
        if value == "" and not takes_empty_text(hint):
            continue
        if value == CHECKED and alternatives(hint) == (bool,):
            value = True
        if not isinstance(value, list) and is_list(hint):
            value = [value]
        elif isinstance(value, list) and is_scalar(hint):
            faults[name] = f"given {len(value)} times, and takes one value"
        if _takes_floats(hint) and not _are_finite(value):
            faults[name] = NOT_FINITE
        shaped[name] = value
    if faults:
        raise Invalid(faults)
    return shaped


def _takes_floats(hint: object) -> bool:
    """Return whether a type takes floats, alone or in a list."""
    for one in alternatives(hint):
        if one is float:
            return True
        if get_origin(one) in (list, set, frozenset, tuple):
            return any(_takes_floats(argument) for argument in get_args(one))
    return False


def _are_finite(value: object) -> bool:
    """Return whether no text, or none in a list, is read as NaN or an infinity."""
    texts = value if isinstance(value, list) else [value]
    return all(_is_finite(str(text)) for text in texts)


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return True  # no number at all, which is reported as such
