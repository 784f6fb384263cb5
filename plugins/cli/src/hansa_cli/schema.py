"""The JSON Schema of a setting: references followed, alternatives listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from .plain import JsonObject

Components = Mapping[str, JsonObject]
"""The schemas that others refer to, by name."""


class Schema:
    """A JSON Schema (2020-12) with the components that it may refer to."""

    def __init__(self, schema: JsonObject, components: Components) -> None:
        self.components = components
        self.own = _resolved(schema, components)

    @cached_property
    def branches(self) -> list[JsonObject]:
        """The alternatives of the schema, `null` among them; the schema itself if it has none."""
        return list(_branches(self.own, self.components))

    @cached_property
    def types(self) -> set[str]:
        """The JSON types of the branches, without `null`; `enum` and `const` have none."""
        found = {str(branch["type"]) for branch in self.branches if "type" in branch}
        return found - {"null"}

    @cached_property
    def item_types(self) -> set[str]:
        """The JSON types that a value, or an item of a list, may have; empty if any."""
        found: set[str] = set()
        for branch in self.branches:
            if branch.get("type") == "array":
                found |= Schema(branch.get("items") or {}, self.components).item_types
            elif "enum" in branch or "const" in branch:
                found.add("string")
            elif "type" in branch:
                found.add(str(branch["type"]))
        return found - {"null"}

    @cached_property
    def choices(self) -> list[str | int | float | bool]:
        """The values to choose from; empty if there are others."""
        found: list[str | int | float | bool | None] = []
        for branch in self.branches:
            if "const" in branch:
                found.append(branch["const"])
            elif "enum" in branch:
                found += branch["enum"]
            elif branch.get("type") != "null":
                return []
        return [choice for choice in found if choice is not None]

    @property
    def is_list(self) -> bool:
        """Whether it may be a list."""
        return "array" in self.types

    @property
    def is_map(self) -> bool:
        """Whether it may be an object with keys of any name."""
        return any(
            branch.get("type") == "object" and not branch.get("properties")
            for branch in self.branches
        )

    @property
    def is_switch(self) -> bool:
        """Whether it is true or false, and nothing else."""
        return {branch.get("type") for branch in self.branches} - {"null"} == {"boolean"}

    @property
    def is_secret(self) -> bool:
        """Whether it is taken and never shown again."""
        return any(schema.get("writeOnly") for schema in (self.own, *self.branches))

    @cached_property
    def section(self) -> Schema | None:
        """The object, if it is one with settings of its own, or null; else None."""
        branches = [branch for branch in self.branches if branch.get("type") != "null"]
        if len(branches) != 1 or not branches[0].get("properties"):
            return None
        return Schema(branches[0], self.components)

    @cached_property
    def properties(self) -> dict[str, Schema]:
        """The settings of an object, by name."""
        properties = self.own.get("properties") or {}
        return {name: Schema(inner, self.components) for name, inner in properties.items()}

    @property
    def required(self) -> set[str]:
        """The names of the properties that must be given."""
        return set(self.own.get("required") or ())

    @property
    def description(self) -> str:
        """What it is for: as it says itself, or the first alternative that says something."""
        for schema in (self.own, *self.branches):
            if schema.get("description"):
                return str(schema["description"])
        return ""


def _resolved(schema: JsonObject, components: Components) -> JsonObject:
    """Follow the reference of a schema; what stands beside the reference stays."""
    while "$ref" in schema:
        target = components.get(schema["$ref"].rpartition("/")[2], {})
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **beside}
    return schema


def _branches(schema: JsonObject, components: Components) -> Iterator[JsonObject]:
    """Return the alternatives of a schema, but for references to values that stand elsewhere, which
    fit every setting.
    """
    resolved = _resolved(schema, components)
    alternatives = resolved.get("anyOf") or resolved.get("oneOf")
    if not alternatives:
        if not resolved.get("x-reference"):
            yield resolved
        return
    for alternative in alternatives:
        yield from _branches(alternative, components)
