"""What a definition refers to, read from the declaration of its settings, at any depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, TypeGuard, Union, get_args, get_origin

from ..contract.records import PlainSettings, Reference
from ..settings.faults import path_below
from ..settings.model import Field, Model, fields

_UNIONS = (Union, UnionType)
_SEQUENCES = (list, set, frozenset)


def references(
    model: type[Model], settings: PlainSettings | Model, path: str = ""
) -> Iterator[Reference]:
    """Find everything that settings name, in a model, or in plain data that may be faulty."""
    for field in fields(model):
        if isinstance(settings, Mapping):
            value = settings.get(field.name)
        else:
            value = getattr(settings, field.name)
        here = path_below(path, field.name)
        if field.refers:
            yield from _named(field, value, here)
        else:
            yield from _inside(field.type, value, here)


def _named(field: Field, value: object, path: str) -> Iterator[Reference]:
    kind, _, type = field.refers.partition(" ")
    names = value if isinstance(value, list | tuple) else [value]
    for name in names:
        is_path = field.path and "/" in str(name)
        if isinstance(name, str) and name and not is_path:
            yield Reference(path, kind, type, name)


def _is_model(hint: object) -> TypeGuard[type[Model]]:
    return isinstance(hint, type) and issubclass(hint, Model)


def _inside(hint: object, value: object, path: str) -> Iterator[Reference]:
    """Look into the models that a value of this type has in it."""
    origin = get_origin(hint)
    arguments = get_args(hint)
    if origin is Annotated:
        yield from _inside(arguments[0], value, path)
    elif origin in _UNIONS:
        for argument in arguments:
            yield from _inside(argument, value, path)
    elif origin in _SEQUENCES and isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _inside(arguments[0], item, path_below(path, f"[{index}]"))
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            yield from _inside(arguments[1], item, path_below(path, str(key)))
    elif _is_model(hint) and isinstance(value, dict | Model):
        yield from references(hint, value, path)
