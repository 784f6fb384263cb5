"""JSON Schemas of the models in the description of the API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from hansa import schema_components

from .answers import PlainData

REFERENCE = "#/components/schemas/{name}"

REFERENCE_TO_VALUE = "Reference"
"""The component that says what may stand in the place of a setting."""
REFERENCE_SCHEMA: PlainData = {
    "title": REFERENCE_TO_VALUE,
    "description": "A value that stands elsewhere: in the environment, in a file, in a vault",
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "patternProperties": {r"^\$[A-Za-z]": {}},
    "additionalProperties": False,
    "x-reference": True,
}
_REFERENCE: PlainData = {"$ref": REFERENCE.format(name=REFERENCE_TO_VALUE)}
_ANNOTATIONS = {"title", "description", "default", "examples", "format", "writeOnly"}

Schemas: TypeAlias = dict[Any, PlainData]
"""The schema of each type; that of a model is a reference to a component."""


def described(types: list[Any]) -> tuple[Schemas, dict[str, PlainData]]:
    """Return the schema of each type, and the components they share.

    What has no schema accepts anything.
    """
    try:
        found, components = schema_components(types, REFERENCE)
        return dict(zip(types, found, strict=True)), components
    except (TypeError, NotImplementedError):
        if len(types) <= 1:
            return {each: {} for each in types}, {}
    # one that has none must not take it from the others
    schemas: Schemas = {}
    shared: dict[str, PlainData] = {}
    for each in types:
        one, components = described([each])
        schemas |= one
        shared |= components
    return schemas, shared


def allow_references(name: str, components: dict[str, PlainData], own: Collection[str]) -> None:
    """Say in a component of settings that a reference may stand in the place of each of them, at
    any depth.

    `own` are the properties that are no settings, such as the name of the definition.
    """
    properties: dict[str, PlainData] = components.get(name, {}).get("properties", {})
    for setting, schema in properties.items():
        if setting not in own:
            properties[setting] = _or_reference(schema, components)


def _or_reference(schema: PlainData, components: dict[str, PlainData]) -> PlainData:
    """Return a schema that takes a reference, too; its description stays beside the alternatives."""
    beside = {key: value for key, value in schema.items() if _describes(key)}
    value = {key: value for key, value in schema.items() if not _describes(key)}
    if not value or _REFERENCE in value.get("anyOf", ()):
        return schema
    _allow_inside(value, components)
    branches = value["anyOf"] if set(value) == {"anyOf"} else [value]
    return {**beside, "anyOf": [*branches, _REFERENCE]}


def _describes(key: str) -> bool:
    return key in _ANNOTATIONS or key.startswith("x-")


def _allow_inside(value: PlainData, components: dict[str, PlainData]) -> None:
    """Let items of lists, values of dictionaries and settings of sections be references, too."""
    for branch in (value, *value.get("anyOf", ())):
        for part in ("items", "additionalProperties"):
            if isinstance(branch.get(part), dict):
                branch[part] = _or_reference(branch[part], components)
        inner = component_of(branch)
        if inner in components and inner not in (REFERENCE_TO_VALUE, ""):
            allow_references(inner, components, ())


def component_of(schema: PlainData) -> str:
    """Return the name of the component that a schema refers to; empty if it does not."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def json_content(schema: PlainData) -> PlainData:
    """Return the content of a request or an answer in JSON."""
    return {"application/json": {"schema": schema}}


def fits_form(schema: PlainData, components: Mapping[str, PlainData]) -> bool:
    """Whether forms carry values of a schema: texts, numbers and the like, and lists of these."""
    for branch in _branches(schema, components):
        items = _branches(branch.get("items", {}), components)
        if branch.get("type") == "object":
            return False
        if any(item.get("type") in ("array", "object") for item in items):
            return False
    return True


def holds_file(schema: PlainData) -> bool:
    """Whether values of a schema are uploaded files, or lists of them."""
    branches = _branches(schema, {})
    items = [branch.get("items", {}) for branch in branches]
    return any(one.get("format") == "binary" for one in branches + items)


def _branches(schema: PlainData, components: Mapping[str, PlainData]) -> list[PlainData]:
    """Return the alternatives of a schema, each as its component describes it."""
    branches: list[PlainData] = schema.get("anyOf", [schema])
    return [components.get(component_of(branch), branch) for branch in branches]
