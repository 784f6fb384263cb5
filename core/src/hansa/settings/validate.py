"""From plain data to models and back: validated on the way in, secrets left out on the way out."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakSet

import msgspec

from ..foundation.errors import Invalid
from .decimals import collect_decimal_texts, has_decimals
from .faults import UNREADABLE, Faults, collect_unknown, decode_hook, explain
from .integral import with_integers
from .model import Model, Secret, fields, values_of
from .rules import collect_broken_rules

T = TypeVar("T")

_learned: WeakSet[Any] = WeakSet()
_learning = threading.Lock()


def learn(hint: T) -> T:
    """Return a type once msgspec knows it.

    Threads that have msgspec look at one type for the first time at once crash the process.
    """
    if hint not in _learned:
        with _learning:
            msgspec.json.Decoder(hint)
            # a union is learned each time: nothing weak can refer to it
            with contextlib.suppress(TypeError):
                _learned.add(hint)
    return hint


def load(model: type[T], data: object, *, strict: bool = True, unknown: bool = True) -> T:
    """Build a model, or any other type, from plain data, validated.

    Without `strict`, text is also converted to numbers and booleans (query strings, command
    lines); without `unknown`, keys that are not declared are ignored. A pydantic model validates
    itself, and converts as it is told to. Raises `Invalid` with every fault at once.
    """
    if hasattr(model, "model_validate_json"):
        loaded: T = _load_pydantic_model(model, data)
        return loaded
    learn(model)
    try:
        value = msgspec.convert(data, model, strict=strict, dec_hook=decode_hook)
    except UNREADABLE:
        value = _load_integers(model, data, strict=strict, unknown=unknown)
    faults: Faults = {}
    try:
        if unknown:
            collect_unknown(data, model, "", faults)
        # PERF: most records have no decimals, and looking for them takes as long as all the rest
        if has_decimals(model):
            collect_decimal_texts(data, model, "", faults)
        collect_broken_rules(value, "", faults)
    except RecursionError:
        raise Invalid("nested too deeply") from None
    if faults:
        raise Invalid(faults)
    return value


def default_faults(model: type[Model]) -> Faults:
    """Return the faults of the defaults of a model, by setting."""
    faults: Faults = {}
    for field in fields(model):
        invalid = None
        if not field.required:
            invalid = explain(dump(field.default, str), field.hint)
        if invalid is not None:
            faults[field.name] = f"its default is not valid: {invalid.detail}"
    return faults


def _load_integers(model: type[T], data: object, *, strict: bool, unknown: bool) -> T:
    """Build a type from data that has, perhaps, `1.0` where it declares an integer; raises `Invalid`
    with every fault.
    """
    try:
        data = with_integers(data, model)
        return msgspec.convert(data, model, strict=strict, dec_hook=decode_hook, str_keys=True)
    except UNREADABLE as error:
        invalid = explain(data, model, strict=strict, unknown=unknown)
        raise invalid or Invalid(str(error)) from None


def _load_pydantic_model(model: Any, data: object) -> Any:
    """Build a pydantic model from plain data, as it reads JSON; data with objects in it that JSON
    does not have, such as uploaded files, as it reads Python's.
    """
    try:
        text = msgspec.json.encode(data)
    except TypeError:
        return load_pydantic(lambda: model.model_validate(data))
    return load_pydantic(lambda: model.model_validate_json(text))


def load_pydantic(validate: Callable[[], T]) -> T:
    """Return what the validation of a pydantic model returns; raises `Invalid` with every fault."""
    try:
        return validate()
    except ValueError as error:
        errors = getattr(error, "errors", None)
        if errors is None:
            raise Invalid(str(error)) from None
        found = errors(include_input=False)
        raise Invalid({".".join(map(str, one["loc"])): one["msg"] for one in found}) from None


def dump(value: object, secret: Callable[[Secret], object] | None = None) -> Any:
    """Return the plain, JSON-able data of a model.

    Secrets are left out, or replaced by what `secret` makes of each.
    """
    if isinstance(value, Model):
        return {
            name: dump(item, secret)
            for name, item in values_of(value).items()
            if secret or not isinstance(item, Secret)
        }
    if isinstance(value, Secret):
        return secret(value) if secret else None
    if isinstance(value, list | tuple | set | frozenset):
        return [dump(item, secret) for item in value]
    if isinstance(value, dict):
        return {key: dump(item, secret) for key, item in value.items()}
    return msgspec.to_builtins(value)
