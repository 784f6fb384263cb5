"""JSON Schemas of the models in the description of the API."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from hansa import Secret

from .answers import PlainData

REFERENCE = "#/components/schemas/{name}"

Schemas: TypeAlias = dict[Any, PlainData]
"""The schema of each type; that of a model is a reference to a component."""


def described(types: list[Any]) -> tuple[Schemas, dict[str, PlainData]]:
    """Return the schema of each type, and the components they share.

    What has no schema accepts anything.
    """
    try:
        found, components = msgspec.json.schema_components(
            types, schema_hook=_hook, ref_template=REFERENCE
        )
        return dict(zip(types, found, strict=True)), dict(components)
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


def _hook(kind: object) -> PlainData:
    if isinstance(kind, type) and issubclass(kind, Secret):
        return {"type": "string", "format": "password", "writeOnly": True}
    raise NotImplementedError(f"no schema for {kind}")


def component_of(schema: PlainData) -> str:
    """Return the name of the component that a schema refers to; empty if it does not."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def json_content(schema: PlainData) -> PlainData:
    """Return the content of a request or an answer in JSON."""
    return {"application/json": {"schema": schema}}
