"""Dataclasses as input and output, in the style of 3.x: made from plain data, and back."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import json
import math
import types
import typing
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard, TypeVar, Union, get_args, get_origin

from hansa import Invalid, Model as NativeModel, Secret, load

from ..jsontext import write_json
from ..payloads import PlainDict, Value
from .values import Shape, as_bool

ModelT = TypeVar("ModelT", bound="Model")

_TEXTUAL = (Secret, decimal.Decimal, uuid.UUID)
_DATES = (datetime.datetime, datetime.date, datetime.time)


class Model:
    """Base of dataclasses that are input or output of services."""

    def to_dict(self) -> PlainDict:
        """Return plain data, at every depth."""
        found: PlainDict = plain(self)
        return found

    def to_json(
        self, default: Callable[[object], object] | None = None, impl_extra: int = 0
    ) -> str:
        """Return JSON text; `default` converts what JSON does not know, by default to text."""
        return json.dumps(self.to_dict(), default=default or str)

    @classmethod
    def from_dict(cls: type[ModelT], data: PlainDict) -> ModelT:
        """Return a model made from plain data; raises `hansa.Invalid` with all faults."""
        made: ModelT = build(cls, data)
        return made

    _from_dict = from_dict

    def clone(self: ModelT) -> ModelT:
        """Return an independent copy."""
        return type(self).from_dict(self.to_dict())

    def after_created(self, ctx: object = None) -> None:
        """Called once the model was made from input."""


def is_model(given: object) -> TypeGuard[type]:
    """Whether it is a class that can be input or output as a whole."""
    if not isinstance(given, type):
        return False
    return issubclass(given, Model | NativeModel) or dataclasses.is_dataclass(given)


def plain(value: object) -> Value:
    """Return plain data, at every depth.

    Dataclasses, and whatever has `to_dict`, become dictionaries, secrets and dates become text.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name, None)) for field in fields}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, _TEXTUAL):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, _DATES):
        return value.isoformat()
    if hasattr(value, "to_dict") and not isinstance(value, type):
        return plain(value.to_dict())
    return value


def as_json(value: object) -> Value:
    """Return plain data as it is after a way through JSON; what JSON does not know becomes text.

    Raises `Invalid` for NaN and infinities.
    """
    return json.loads(write_json(plain(value)))


def build(hint: object, data: object) -> Value:
    """Return a model, or a list of them, made from plain data; raises `Invalid` with all faults.

    Text is converted where numbers and booleans are declared.
    """
    builder = _Builder()
    made = builder.read(hint, data, "")
    if builder.faults:
        raise Invalid(builder.faults)
    return made


class _Builder:
    """Makes values of declared types, and keeps the faults it meets by their paths."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}

    def read(self, hint: object, value: object, path: str) -> Value:
        """Return one value, going down into models, lists, dictionaries and optional ones."""
        if get_origin(hint) is typing.Annotated:
            hint = get_args(hint)[0]
        if hint is Any:
            return value
        if get_origin(hint) in (Union, types.UnionType):
            inner = [one for one in get_args(hint) if one is not type(None)]
            if value is None and len(inner) < len(get_args(hint)):
                return None
            if len(inner) == 1:
                return self.read(inner[0], value, path)
        if is_model(hint):
            return self._read_model(_as_dataclass(hint), value, path)
        return self._read_inside(hint, value, path)

    def _read_inside(self, hint: object, value: object, path: str) -> Value:
        """Return a list, a set, a tuple or a dictionary with its items read.

        Anything else converted as a whole.
        """
        origin = get_origin(hint)
        arguments = get_args(hint)
        if origin in (list, set, tuple) and arguments and isinstance(value, list | tuple):
            items = self._read_items(arguments[0], value, path)
            return items if origin is list else origin(items)
        if origin is dict and arguments and isinstance(value, Mapping):
            return {
                key: self.read(arguments[1], item, _below(path, key)) for key, item in value.items()
            }
        return self._read_scalar(hint, value, path)

    def _read_items(self, hint: object, values: Iterable[object], path: str) -> list[Value]:
        return [self.read(hint, item, f"{path}[{index}]") for index, item in enumerate(values)]

    def _read_scalar(self, hint: Value, value: object, path: str) -> Value:
        try:
            if hint is bool and isinstance(value, str):
                return as_bool(value)
            made = load(hint, value, strict=False, unknown=False)
        except Invalid as invalid:
            for inner, fault in invalid.errors.items():
                self.faults[_below(path, inner)] = fault
        except (NotImplementedError, ValueError) as error:
            self.faults[path] = str(error)
        else:
            if not isinstance(made, float) or math.isfinite(made):
                return made
            self.faults[path] = "Expected a finite number"
        return None

    def _read_model(self, model: type, value: object, path: str) -> Value:
        if isinstance(value, model):
            return value
        if not isinstance(value, Mapping):
            self.faults[path] = f"expected an object, got {type(value).__name__}"
            return None
        hints = typing.get_type_hints(model, include_extras=True)
        found: PlainDict = {}
        for field in dataclasses.fields(model):
            name = field.name
            if name in value:
                found[name] = self.read(hints[name], value[name], _below(path, name))
            else:
                self._default(field, hints[name], path, found)
        if self._failed(path):
            return None
        made: object = object.__new__(model)
        for name, item in found.items():
            object.__setattr__(made, name, item)
        if isinstance(made, Model):
            made.after_created()
        return made

    def _default(
        self, field: dataclasses.Field[Value], hint: object, path: str, found: PlainDict
    ) -> None:
        """Set what a field has that the data lacks; a fault if it must be there."""
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
        elif type(None) in get_args(hint):
            found[field.name] = None
        else:
            self.faults[_below(path, field.name)] = "required, and missing"

    def _failed(self, path: str) -> bool:
        """Whether there are faults at this path or below it."""
        if not path:
            return bool(self.faults)
        return any(one == path or one.startswith(f"{path}.") for one in self.faults)


def _below(path: str, name: object) -> str:
    """Return the path of what has a name, or an index such as `[1]`, below a path."""
    text = str(name)
    return f"{path}{text}" if text.startswith("[") else f"{path}.{text}".strip(".")


def parameter_shapes(model: type) -> dict[str, Shape]:
    """Return how many values of a parameter each field of a model takes."""
    hints = typing.get_type_hints(_as_dataclass(model), include_extras=True)
    return {name: _shape_of(hint) for name, hint in hints.items()}


def _shape_of(hint: object) -> Shape:
    origin = get_origin(hint)
    if origin is typing.Annotated:
        return _shape_of(get_args(hint)[0])
    if origin in (Union, types.UnionType):
        shapes = {_shape_of(one) for one in get_args(hint) if one is not type(None)}
        return shapes.pop() if len(shapes) == 1 else "any"
    if hint is Any or hint is object:
        return "any"
    return "several" if (origin or hint) in (list, set, frozenset, tuple) else "one"


def _as_dataclass(model: type) -> type:
    """Return the class as a dataclass, also where its author forgot the decorator."""
    if "__dataclass_fields__" not in model.__dict__:
        dataclasses.dataclass(init=False)(model)
    return model
