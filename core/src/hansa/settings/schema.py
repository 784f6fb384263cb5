"""JSON Schemas of types, with what msgspec leaves out: formats of times, defaults of lists,
dictionaries and sections, the classes that settings are declared by, and names that stay the same
when a service is deployed anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from decimal import Decimal
from typing import Any, get_args, get_origin

import msgspec

from .groups import groups_of
from .members import alternatives, is_list, members
from .model import Model, PassedObject, Secret, fields
from .validate import dump

JsonSchema = dict[str, Any]
"""A JSON Schema (2020-12)."""

_FORMATS: dict[type, str] = {datetime: "date-time", time: "time"}
_VERSION = re.compile(r"@\w+")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9.\-_]")
_DEFINITION = "#/$defs/{name}"


def schema_hook(kind: object) -> JsonSchema:
    """Return the JSON Schema of a `Secret` or a `PassedObject`."""
    if isinstance(kind, type) and issubclass(kind, Secret):
        return {"type": "string", "format": "password", "writeOnly": True}
    if isinstance(kind, type) and issubclass(kind, PassedObject):
        return dict(kind.json_schema)
    raise NotImplementedError(f"no schema for {kind}")


def schema(model: Any) -> JsonSchema:
    """Return the JSON Schema of a type; raises TypeError or NotImplementedError if it has none."""
    (found,), components = schema_components([model], _DEFINITION)
    return {**found, "$defs": components} if components else found


def schema_components(
    types: Iterable[Any], reference: str
) -> tuple[list[JsonSchema], dict[str, JsonSchema]]:
    """Return the schema of each type, and the components that these refer to, by name.

    `reference` has `{name}` where the name of a component stands. A component has the name of its
    class; that of a deployed service also has its module in it, without the version. Raises
    TypeError or NotImplementedError for a type without a schema.
    """
    types = list(types)
    found, components = msgspec.json.schema_components(
        types, schema_hook=schema_hook, ref_template=reference
    )
    renamed: dict[str, str] = {}
    for record in _records(types):
        name = _full_name(record)
        if name not in components:
            name = _normal(record.__name__)
        if name in components:
            _complete_record(components[name], record)
            if "@" in record.__module__:
                renamed[name] = _NOT_IN_NAMES.sub("_", _VERSION.sub("", _path_of(record)))
    schemas = list(found)
    for one, hint in zip(schemas, types, strict=True):
        _complete(one, hint)
    references = {
        reference.format(name=old): reference.format(name=new) for old, new in renamed.items()
    }
    named = {renamed.get(name, name): component for name, component in components.items()}
    return _redirected(schemas, references), _redirected(named, references)


def _path_of(record: Any) -> str:
    return f"{record.__module__}.{record.__qualname__}"


def _normal(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name)


def _full_name(record: Any) -> str:
    """Return how msgspec calls the component of a class whose own name another one has, too."""
    return _normal(_path_of(record))


def _records(hints: Iterable[Any]) -> Iterator[Any]:
    """Return the records in types, at any depth, each once."""
    seen: list[Any] = []
    waiting = list(hints)
    while waiting:
        hint = waiting.pop()
        for one in alternatives(hint):
            waiting += [argument for argument in get_args(one) if not isinstance(argument, str)]
            declared = members(one)
            if declared is not None and one not in seen:
                seen.append(one)
                waiting += [member.hint for member in declared]
                yield one


def _redirected(value: Any, references: Mapping[str, str]) -> Any:
    """Return schemas with these references replaced."""
    if isinstance(value, list):
        return [_redirected(item, references) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _redirected(item, references) for key, item in value.items()}
    target = found.get("$ref")
    if isinstance(target, str):
        found["$ref"] = references.get(target, target)
    return found


# -- what msgspec leaves out -----------------------------------------------------------------------


def _complete_record(component: JsonSchema, record: Any) -> None:
    properties: dict[str, JsonSchema] = component.get("properties", {})
    for member in members(record) or ():
        if member.name in properties:
            _complete(properties[member.name], member.hint)
    if not issubclass(record, Model):
        return
    for field in fields(record):
        described = properties.get(field.name, {})
        if isinstance(field.default, list | dict | set | Model) and not field.secret:
            described.setdefault("default", dump(field.default))
    _add_groups(component, properties, record)


def _add_groups(
    component: JsonSchema, properties: dict[str, JsonSchema], model: type[Model]
) -> None:
    """Say which class declares each setting of a model that has settings of several classes:
    `x-groups` has the title of each class, in the order of the settings, and `x-group` its name.
    """
    groups = groups_of(model)
    if len(groups) < 2:
        return
    component["x-groups"] = {group.name: group.title for group in groups}
    for group in groups:
        for name in group.settings:
            if name in properties:
                properties[name]["x-group"] = group.name


def _complete(described: JsonSchema, hint: Any) -> None:
    """Add the formats of times and the numbers that decimals are read from, at any depth, and leave
    out that items of sets are unique, which nobody has to see to.
    """
    types = alternatives(hint)
    branches = described.get("anyOf", [described])
    for branch in list(branches):
        if branch.get("type") == "string":
            _add_format(branch, types)
        elif branch.get("type") == "array" and isinstance(branch.get("items"), dict):
            branch.pop("uniqueItems", None)
            _complete_all(branch["items"], [get_args(one)[:1] for one in types if is_list(one)])
        elif isinstance(branch.get("additionalProperties"), dict):
            inner = [get_args(one)[1:] for one in types if get_origin(one) is dict]
            _complete_all(branch["additionalProperties"], inner)
    if Decimal in types and not any(branch.get("type") == "number" for branch in branches):
        _add_number(described)


def _complete_all(described: JsonSchema, hints: Iterable[tuple[Any, ...]]) -> None:
    for hint in hints:
        if hint:
            _complete(described, hint[0])


def _add_format(branch: JsonSchema, types: tuple[Any, ...]) -> None:
    for kind, name in _FORMATS.items():
        if kind in types and not {"format", "contentEncoding", "enum"} & set(branch):
            branch["format"] = name


def _add_number(described: JsonSchema) -> None:
    """Say that a decimal, which is written as text, is read from a number, too."""
    if "anyOf" not in described:
        text = {key: described.pop(key) for key in ("type", "format") if key in described}
        described["anyOf"] = [text]
    described["anyOf"].append({"type": "number"})
