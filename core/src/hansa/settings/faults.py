"""Everything that is wrong with some data, each fault by the path of its setting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import UnionType
from typing import Any, NamedTuple, TypeGuard, Union, get_args, get_origin
from weakref import WeakKeyDictionary

import msgspec

from ..foundation.errors import Invalid, did_you_mean
from .decimals import NOT_DECIMAL, fault_of_decimal, is_decimal_text
from .members import alternatives, types_within
from .model import Model, PassedObject, Secret, fields, without_marks

Faults = dict[str, str]
"""Faults by the path of the setting, such as `limits.timeout` or `tags[2]`."""

UNREADABLE = (msgspec.ValidationError, TypeError, ValueError, RecursionError)
"""What msgspec raises for data that does not fit; TypeError for what cannot be in a set, such as a
signaling NaN."""
_MISSING = object()
_PATH_MARKS = (" - at `$", " - at `key` in `$")
"""What stands before the path in a message of msgspec, which may quote any text before."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a value: its declared type, its name and the value, `_MISSING` if required."""

    hint: Any
    name: str
    value: Any


class _Declared(NamedTuple):
    """The names of what a model declares, and of those settings that may have models in them."""

    names: tuple[str, ...]
    nested: frozenset[str]


# models of services that were deployed anew must be free to go, hence weak keys, and no types
_declared: WeakKeyDictionary[type[Model], _Declared] = WeakKeyDictionary()


def decode_hook(kind: Any, value: object) -> object:
    """Let msgspec build a `Secret`, from text only, and take a `PassedObject` as it is."""
    if isinstance(kind, type) and issubclass(kind, Secret):
        if not isinstance(value, str):
            raise ValueError(f"Expected `str`, got `{type(value).__name__}`")
        return kind(value)
    if isinstance(kind, type) and issubclass(kind, PassedObject):
        if not isinstance(value, kind):
            raise ValueError(f"Expected {kind.expected}, got `{type(value).__name__}`")
        return value
    raise NotImplementedError(f"no way to read a {kind}")


def kind_of_data(data: object) -> str:
    """Return what data is in a message: an array, or the name of its type."""
    return "array" if isinstance(data, list | tuple) else type(data).__name__


def path_below(path: str, name: str) -> str:
    """Return the path of a part of what stands at a path."""
    return f"{path}{name}" if name[:1] == "[" or not path else f"{path}.{name}"


def explain(
    data: object, model: Any, *, strict: bool = True, unknown: bool = False
) -> Invalid | None:
    """Return all faults of `data` as one `Invalid`, or None if it fits.

    `unknown` also reports undeclared keys, at every depth; without `strict`, text is converted to
    numbers and booleans.
    """
    if isinstance(model, type) and issubclass(model, Model) and not isinstance(data, Mapping):
        return Invalid(f"expected an object, got {kind_of_data(data)}")
    faults: Faults = {}
    try:
        _collect(data, model, "", faults, strict)
        if unknown:
            collect_unknown(data, model, "", faults)
    except RecursionError:
        return Invalid("nested too deeply")
    return Invalid(faults) if faults else None


def _collect(data: Any, hint: Any, path: str, faults: Faults, strict: bool) -> None:
    """Find every fault of a value, going down into models, lists and dictionaries."""
    before = len(faults)
    for part in _parts(data, hint):
        here = path_below(path, part.name)
        if part.value is _MISSING:
            faults[here] = "required, and missing"
        else:
            _collect(part.value, part.hint, here, faults, strict)
    if len(faults) > before:
        return
    try:
        value = msgspec.convert(data, hint, strict=strict, dec_hook=decode_hook)
    except UNREADABLE as error:
        inner, fault = _located(str(error))
        faults[(path + inner).lstrip(".")] = fault
    else:
        _collect_of_decimal(value, data, path, faults)


def _collect_of_decimal(value: object, data: object, path: str, faults: Faults) -> None:
    """Add what is wrong with a decimal, and with the text that it was read from."""
    if not isinstance(value, Decimal):
        return
    fault = fault_of_decimal(value)
    if isinstance(data, str) and not is_decimal_text(data):
        fault = NOT_DECIMAL
    if fault:
        faults[path] = fault


def _located(text: str) -> tuple[str, str]:
    """Return the path in a message of msgspec, and the message without it."""
    if not text.endswith("`"):
        return "", text
    parts = [text.rpartition(mark) for mark in _PATH_MARKS]
    found = [(path[:-1], fault or text) for fault, mark, path in parts if mark]
    return min(found, key=lambda one: len(one[0]), default=("", text))


def collect_unknown(data: object, hint: object, path: str, faults: Faults) -> None:
    """Add the keys that a model does not declare, at every depth."""
    if isinstance(data, Mapping):
        for kind in alternatives(hint):
            if _is_model(kind):
                _collect_undeclared(data, kind, path, faults)
            elif get_origin(kind) is dict:
                named = ((str(key) or "[]", value) for key, value in data.items())
                _collect_unknown_in(named, get_args(kind)[1], path, faults)
    elif isinstance(data, list | tuple):
        for kind in alternatives(hint):
            if get_origin(kind) in (list, set, frozenset):
                numbered = ((f"[{index}]", value) for index, value in enumerate(data))
                _collect_unknown_in(numbered, get_args(kind)[0], path, faults)


def _collect_unknown_in(
    items: Iterable[tuple[str, object]], hint: object, path: str, faults: Faults
) -> None:
    if _may_hold_models(hint):
        for name, value in items:
            collect_unknown(value, hint, path_below(path, name), faults)


def _collect_undeclared(
    data: Mapping[Any, object], model: type[Model], path: str, faults: Faults
) -> None:
    declared = _declared.get(model) or _learn_declared(model)
    if declared.nested:
        for field in fields(model):
            if field.name in declared.nested and field.name in data:
                collect_unknown(data[field.name], field.hint, path_below(path, field.name), faults)
    for key in data:
        if key not in declared.names:
            name = str(key)
            fault = "unknown setting" + did_you_mean(name, declared.names)
            faults[path_below(path, name)] = fault


def _learn_declared(model: type[Model]) -> _Declared:
    declared = fields(model)
    nested = frozenset(field.name for field in declared if _may_hold_models(field.hint))
    return _declared.setdefault(model, _Declared(tuple(one.name for one in declared), nested))


def _may_hold_models(hint: object) -> bool:
    return any(_is_model(kind) for kind in types_within(hint))


def _is_model(kind: object) -> TypeGuard[type[Model]]:
    return isinstance(kind, type) and issubclass(kind, Model)


def _parts(data: object, hint: object) -> Iterator[_Part]:
    """The parts of a value, with what is declared of them."""
    bare = without_marks(hint)
    origin = get_origin(bare)
    arguments = get_args(bare)
    if isinstance(data, Mapping):
        if _is_model(bare):
            yield from _settings(data, bare)
        elif origin is dict:
            for key, value in data.items():
                yield _Part(arguments[1], str(key) or "[]", value)
    elif origin in (list, set, frozenset) and isinstance(data, list | tuple):
        for index, value in enumerate(data):
            yield _Part(arguments[0], f"[{index}]", value)
    if origin in (Union, UnionType):
        for argument in arguments:
            yield from _parts(data, argument)


def _settings(data: Mapping[Any, Any], model: type[Model]) -> Iterator[_Part]:
    for field in fields(model):
        if field.name in data or field.required:
            yield _Part(field.hint, field.name, data.get(field.name, _MISSING))
