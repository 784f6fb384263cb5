"""Dataclasses as input and output, the 3.x way: made from plain data with every fault at once, and turned back into it."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import json
import types
import typing
import uuid
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
from hansa import Invalid, Model as NativeModel, Secret, decode_hook

from .values import as_bool

M = TypeVar("M", bound="Model")


class Model:
    """Base of dataclasses that are input or output of services."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, at every depth."""
        found: dict[str, Any] = plain(self)
        return found

    def to_json(self, default: Any = None, impl_extra: int = 0) -> str:
        """JSON text."""
        return json.dumps(self.to_dict(), default=default or str)

    @classmethod
    def from_dict(cls: type[M], data: dict[str, Any]) -> M:
        """A model from plain data; raises `hansa.Invalid` with every fault."""
        made: M = build(cls, data)
        return made

    _from_dict = from_dict

    def clone(self: M) -> M:
        """A copy of its own."""
        return type(self).from_dict(self.to_dict())

    def after_created(self, ctx: Any = None) -> None:
        """Called once the model was made from input."""


def is_model(given: Any) -> bool:
    """Whether it is a class that can be input or output as a whole."""
    return isinstance(given, type) and (
        issubclass(given, Model | NativeModel) or dataclasses.is_dataclass(given)
    )


def plain(value: Any) -> Any:
    """Plain data: dataclasses, and whatever has `to_dict`, become dictionaries, at every depth; secrets become text."""
    if isinstance(value, Secret):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name, None))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    if hasattr(value, "to_dict") and not isinstance(value, type):
        return plain(value.to_dict())
    return value


def build(hint: Any, data: Any) -> Any:
    """Make a model, or a list of them, from plain data, text converted where numbers and booleans are declared; raises `Invalid` with every fault."""
    faults: dict[str, str] = {}
    made = _read(hint, data, "", faults)
    if faults:
        raise Invalid(faults)
    return made


def _ready(model: type[Any]) -> Any:
    """The class as a dataclass, also where its author forgot the decorator."""
    if "__dataclass_fields__" not in model.__dict__:
        dataclasses.dataclass(init=False)(model)
    return model


def _read(hint: Any, value: Any, path: str, faults: dict[str, str]) -> Any:
    """One value of a declared type, going down into models, lists, dictionaries and optional ones."""
    if get_origin(hint) is typing.Annotated:
        hint = get_args(hint)[0]
    if hint is Any:
        return value
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        if value is None and len(inner) < len(arguments):
            return None
        if len(inner) == 1:
            return _read(inner[0], value, path, faults)
    if is_model(hint):
        return _read_model(_ready(hint), value, path, faults)
    if origin in (list, set, tuple) and isinstance(value, list | tuple) and arguments:
        items = [
            _read(arguments[0], item, f"{path}[{index}]", faults)
            for index, item in enumerate(value)
        ]
        return items if origin is list else origin(items)
    if origin is dict and isinstance(value, Mapping):
        return {
            key: _read(arguments[1], item, f"{path}.{key}".lstrip("."), faults)
            for key, item in value.items()
        }
    try:
        if hint is bool and isinstance(value, str):
            return as_bool(value)
        return msgspec.convert(value, hint, strict=False, dec_hook=decode_hook)
    except (msgspec.ValidationError, NotImplementedError, ValueError) as error:
        faults[path] = str(error)
        return None


def _read_model(model: Any, value: Any, path: str, faults: dict[str, str]) -> Any:
    if isinstance(value, model):
        return value
    if not isinstance(value, Mapping):
        faults[path] = f"expected an object, got {type(value).__name__}"
        return None
    hints = typing.get_type_hints(model, include_extras=True)
    found: dict[str, Any] = {}
    for field in dataclasses.fields(model):
        here = f"{path}.{field.name}".lstrip(".")
        if field.name in value:
            found[field.name] = _read(hints[field.name], value[field.name], here, faults)
        elif field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
        elif type(None) in get_args(hints[field.name]):
            found[field.name] = None
        else:
            faults[here] = "required, and missing"
    if any(fault == path or fault.startswith(f"{path}.") or not path for fault in faults):
        return None
    made = object.__new__(model)
    for name, item in found.items():
        object.__setattr__(made, name, item)
    if isinstance(made, Model):
        made.after_created()
    return made
