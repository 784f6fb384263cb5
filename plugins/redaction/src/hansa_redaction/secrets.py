"""The secret members of the inputs and outputs of services, by name."""

from __future__ import annotations

import typing
from collections.abc import Iterator

from hansa import Secret

SECRET_TYPES = ("SecretStr", "SecretBytes")
"""The names of the types of secrets that other libraries have."""


def secret_names(*models: object) -> set[str]:
    """Return the names of the members that models, and models in them, declare as secret."""
    found: set[str] = set()
    seen: set[object] = set()
    waiting = [model for model in models if model is not None]
    while waiting:
        model = waiting.pop()
        if not isinstance(model, type) or model in seen:
            waiting += typing.get_args(model)
            continue
        seen.add(model)
        waiting += typing.get_args(model)
        for name, hint in _hints(model):
            if any(_is_secret(one) for one in _types_in(hint)):
                found |= {name, *_aliases(model, name)}
            waiting.append(hint)
    return found


def _hints(model: type) -> Iterator[tuple[str, object]]:
    """Yield the members that a class declares, with their types; none of what declares none."""
    if model.__module__ == "builtins" or not hasattr(model, "__annotations__"):
        return
    try:
        yield from typing.get_type_hints(model).items()
    except (NameError, TypeError, AttributeError, SyntaxError):
        yield from model.__annotations__.items()


def _types_in(hint: object) -> Iterator[object]:
    yield hint
    for one in typing.get_args(hint):
        yield from _types_in(one)


def _is_secret(hint: object) -> bool:
    if not isinstance(hint, type):
        return False
    return issubclass(hint, Secret) or hint.__name__ in SECRET_TYPES


def _aliases(model: type, name: str) -> Iterator[str]:
    """Yield the other names that a member has in messages."""
    described: object = getattr(model, "model_fields", {})
    declared = described.get(name) if isinstance(described, dict) else None
    for alias in ("alias", "validation_alias", "serialization_alias"):
        value = getattr(declared, alias, None)
        if isinstance(value, str):
            yield value
    fields: tuple[str, ...] = getattr(model, "__struct_fields__", ())
    encoded: tuple[str, ...] = getattr(model, "__struct_encode_fields__", ())
    for field, other in zip(fields, encoded, strict=True):
        if field == name:
            yield other
