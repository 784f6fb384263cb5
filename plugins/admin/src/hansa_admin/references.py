"""Find faults of a definition's settings before they are stored, and the other definitions that they name."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Any

import msgspec
from hansa import Invalid, Model, decode_hook, dump, explain, fields, learn, load, resolve


@dataclasses.dataclass(frozen=True, slots=True)
class Named:
    """A setting that names something: its path, the kind and perhaps the type of what it names, and the name."""

    setting: str
    kind: str
    type: str
    name: str


def is_reference(value: Any) -> bool:
    """Whether a value stands for another one: `{"$env": "X"}`, `{"$file": PATH}`, `{"$encrypted": TOKEN}` and the like."""
    return isinstance(value, dict) and len(value) == 1 and str(next(iter(value))).startswith("$")


def has_reference(value: Any) -> bool:
    """Whether a value is a reference or has one anywhere inside."""
    if isinstance(value, dict):
        return is_reference(value) or any(has_reference(item) for item in value.values())
    return isinstance(value, list) and any(has_reference(item) for item in value)


def setting_faults(
    model: type[Model], data: Mapping[str, Any], *, partial: bool = False
) -> dict[str, str]:
    """All faults of the settings of one definition, by path; with `partial`, missing ones are none.

    Environment and files are looked up here, where the server runs; what is encrypted or kept in a vault is not.
    """
    faults: dict[str, str] = {}
    plain: dict[str, Any] = {}
    opaque: set[str] = set()
    referring = False

    def unseen(key: str, reference: str, value: Any) -> str:
        opaque.add(key)
        return ""

    for key, value in model.upgrade(dict(data)).items():
        if not has_reference(value):
            plain[key] = value
            continue
        referring = True
        try:
            plain[key] = resolve(value, functools.partial(unseen, key))
        except Invalid as invalid:
            faults[key] = invalid.detail
    found = explain(plain, model, strict=not referring, unknown=True)
    for path, fault in (found.errors if found else {}).items():
        top = path.partition(".")[0].partition("[")[0]
        missing = path not in plain and path in {field.name for field in fields(model)}
        if top not in opaque and not (missing and (partial or path in faults)):
            faults.setdefault(path, fault)
    if not faults and not partial and not opaque:
        try:
            load(model, plain, strict=not referring)
        except Invalid as invalid:
            faults.update(invalid.errors)
    return faults


def completed(model: type[Model], data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with every default filled in and each value in its plain form, to compare two definitions by."""
    result = {}
    data = model.upgrade(dict(data))
    for field in fields(model):
        value = data[field.name] if field.name in data else _default(field)
        if field.name in data and not has_reference(value):
            try:
                value = dump(
                    msgspec.convert(value, learn(field.hint), strict=False, dec_hook=decode_hook),
                    str,
                )
            except (msgspec.ValidationError, ValueError):
                pass  # a fault that setting_faults tells; compared as it is
        result[field.name] = value
    return result


def shortened(model: type[Model], data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those that have their default, sorted by name."""
    whole = completed(model, data)
    kept = {
        f.name: whole[f.name] for f in fields(model) if f.required or whole[f.name] != _default(f)
    }
    return {name: kept[name] for name in sorted(kept)}


def secret_names(model: type[Model]) -> set[str]:
    """The names of the settings that are secret, at the top level."""
    return {field.name for field in fields(model) if field.secret}


def name_faults(
    model: type[Model], data: Mapping[str, Any], there: Callable[[str, str, str], bool]
) -> dict[str, str]:
    """The settings that name what is not there, by path; `there` tells it of a kind, a type and a name."""
    return {
        named.setting: f"there is no {named.kind} {named.type + ' ' if named.type else ''}named {named.name!r}"
        for named in named_by(model, data)
        if not there(named.kind, named.type, named.name)
    }


def named_by(model: type[Model], data: Mapping[str, Any], path: str = "") -> Iterator[Named]:
    """Everything that the settings of a definition name, by the `refers` of their declaration."""
    for field in fields(model):
        value, here = data.get(field.name), f"{path}{field.name}"
        if field.refers:
            kind, _, type = field.refers.partition(" ")
            for name in value if isinstance(value, list) else [value]:
                if isinstance(name, str) and name:
                    yield Named(here, kind, type, name)
        elif isinstance(value, dict):
            for inner in _models(field.type):
                yield from named_by(inner, value, f"{here}.")
        elif isinstance(value, list):
            for inner in _models(field.type):
                for index, item in enumerate(value):
                    if isinstance(item, dict):
                        yield from named_by(inner, item, f"{here}[{index}].")


def _models(hint: Any) -> Iterator[type[Model]]:
    """The models directly in a type, a list of them or a union."""
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if isinstance(hint, type) and issubclass(hint, Model):
        yield hint
    elif typing.get_origin(hint) in (typing.Union, UnionType, list):
        for argument in typing.get_args(hint):
            yield from _models(argument)


def _default(field: Any) -> Any:
    """The default of a setting in its plain form; None if it is required."""
    return None if field.required else dump(field.default, str)
