"""Turn the JSON Schema of an admin service's input into options of a command, and what was typed back into JSON."""

from __future__ import annotations

import json
from typing import Any

import click

Schema = dict[str, Any]


class Setting(click.ParamType[Any]):
    """One value as typed: converted by its schema; `{"$env": "X"}` and the like stand for a value kept elsewhere."""

    def __init__(self, schema: Schema, components: dict[str, Schema]) -> None:
        self.schema, self.components = schema, components
        self.kinds = kinds(schema, components)
        self.name = " or ".join(sorted(self.kinds - {"null"})) or "json"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """How help shows it."""
        choices = choices_of(self.schema, self.components)
        if choices:
            return "[" + "|".join(map(str, choices)) + "]"
        return {"integer": "INTEGER", "number": "NUMBER", "object": "KEY=VALUE|JSON"}.get(
            self.name, "TEXT" if self.kinds else "JSON"
        )

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The typed value; a usage error (exit code 2) if it does not fit."""
        if not isinstance(value, str):
            return value
        if value.startswith('{"$'):
            return self._json(value, param, ctx)
        choices = choices_of(self.schema, self.components)
        if choices:
            for choice in choices:
                if str(choice) == value:
                    return choice
            self.fail(f"{value!r} is not one of {', '.join(map(str, choices))}", param, ctx)
        if "boolean" in self.kinds and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if "string" in self.kinds:
            return value
        if self.kinds & {"integer", "number"}:
            for kind in (int, float) if "number" in self.kinds else (int,):
                try:
                    return kind(value)
                except ValueError:
                    continue
            self.fail(
                f"{value!r} is no {'number' if 'number' in self.kinds else 'whole number'}",
                param,
                ctx,
            )
        if "object" in self.kinds and not value.lstrip().startswith(("{", "[")):
            key, equals, inner = value.partition("=")
            if equals:
                return {key: inner}
        return self._json(value, param, ctx)

    def _json(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json.loads(value)
        except ValueError as error:
            self.fail(f"{value!r} is not valid JSON: {error}", param, ctx)


def resolved(schema: Schema, components: dict[str, Schema]) -> Schema:
    """A schema with its reference followed; what stands beside the reference stays."""
    while "$ref" in schema:
        target = components.get(schema["$ref"].rpartition("/")[2], {})
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def branches(schema: Schema, components: dict[str, Schema]) -> list[Schema]:
    """The alternatives of a schema, or itself."""
    schema = resolved(schema, components)
    inner = schema.get("anyOf") or schema.get("oneOf")
    return (
        [each for branch in inner for each in branches(branch, components)] if inner else [schema]
    )


def kinds(schema: Schema, components: dict[str, Schema]) -> set[str]:
    """The JSON types that a schema allows, of one item where it is a list; empty if it allows anything."""
    found: set[str] = set()
    for branch in branches(schema, components):
        if branch.get("type") == "array":
            found |= kinds(branch.get("items") or {}, components)
        elif "enum" in branch or "const" in branch:
            found.add("string")
        elif "type" in branch:
            found.add(str(branch["type"]))
    return found


def choices_of(schema: Schema, components: dict[str, Schema]) -> list[Any]:
    """The values to choose from, if those are all there is."""
    found: list[Any] = []
    for branch in branches(schema, components):
        if branch.get("type") == "array":
            return []
        if "const" in branch:
            found.append(branch["const"])
        elif "enum" in branch:
            found += branch["enum"]
        elif branch.get("type") != "null":
            return []
    return [choice for choice in found if choice is not None]


def is_list(schema: Schema, components: dict[str, Schema]) -> bool:
    """Whether the option may be given several times."""
    return any(branch.get("type") == "array" for branch in branches(schema, components))


def is_map(schema: Schema, components: dict[str, Schema]) -> bool:
    """Whether it is an object with free keys, given as KEY=VALUE several times."""
    return any(
        b.get("type") == "object" and not b.get("properties") for b in branches(schema, components)
    )


def parameters(schema: Schema, components: dict[str, Schema]) -> list[click.Parameter]:
    """The argument NAME, one option per setting, and `--set` for what options cannot say."""
    schema = resolved(schema, components)
    required = set(schema.get("required", ()))
    found: list[click.Parameter] = []
    for name, inner in schema.get("properties", {}).items():
        if name == "name":
            found.insert(0, click.Argument(["name"], required="name" in required, default=None))
        else:
            found.append(_option(name, inner, components, name in required))
    metavar, help = (
        "SETTING=JSON",
        "Any setting as JSON, for what the options cannot say: --set timeout=null",
    )
    return [*found, click.Option(["--set", "set_"], multiple=True, metavar=metavar, help=help)]


def _option(
    name: str, schema: Schema, components: dict[str, Schema], required: bool
) -> click.Option:
    flag = "--" + name.replace("_", "-")
    help = help_text(schema, components, required)
    branch_kinds = {str(branch.get("type")) for branch in branches(schema, components)} - {"null"}
    if branch_kinds == {"boolean"}:
        return click.Option([f"{flag}/--no-{flag[2:]}", name], default=None, help=help)
    secret = any(branch.get("writeOnly") for branch in branches(schema, components))
    multiple = is_list(schema, components) or is_map(schema, components)
    help = f"{help} - prompts for it." if secret else help
    return click.Option(
        [flag, name], type=Setting(schema, components), multiple=multiple, default=None, help=help
    )


def help_text(schema: Schema, components: dict[str, Schema], required: bool) -> str:
    """The setting's help, whether it is required, its default and an example."""
    found = resolved(schema, components)
    inner = [branch for branch in branches(schema, components) if branch.get("description")]
    help = str(
        schema.get("description")
        or found.get("description")
        or (inner[0]["description"] if inner else "")
    )
    marks = ["required"] if required else []
    default = found.get("default")
    if default not in (None, "", [], {}):
        marks.append(f"default: {json.dumps(default) if not isinstance(default, str) else default}")
    if found.get("examples"):
        example = found["examples"][0]
        marks.append(f"such as {example if isinstance(example, str) else json.dumps(example)}")
    return help.rstrip(".") + "." + (f"  [{'; '.join(marks)}]" if marks else "")


def typed(values: dict[str, Any], schema: Schema, components: dict[str, Schema]) -> dict[str, Any]:
    """The JSON object that was typed: only what was given; prompts for a secret given as `-`."""
    properties = resolved(schema, components).get("properties", {})
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name == "set_" or value is None or value == ():
            continue
        inner = properties.get(name, {})
        if isinstance(value, tuple):
            value = _several(list(value), inner, components)
        if value == "-" and any(branch.get("writeOnly") for branch in branches(inner, components)):
            value = click.prompt(
                name.replace("_", " ").capitalize(),
                hide_input=True,
                confirmation_prompt=True,
                err=True,
            )
        found[name] = value
    for assignment in values.get("set_") or ():
        name, equals, text = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"--set {assignment}: write SETTING=JSON")
        try:
            found[name.strip().replace("-", "_")] = json.loads(text)
        except ValueError as error:
            raise click.UsageError(
                f"--set {assignment}: not valid JSON: {error} (a text needs quotes)"
            ) from None
    return found


def _several(values: list[Any], schema: Schema, components: dict[str, Schema]) -> Any:
    """What an option that was given several times means: one object of all keys, one value, or a list."""
    if is_map(schema, components) and all(isinstance(value, dict) for value in values):
        merged: dict[str, Any] = {}
        for value in values:
            merged |= value
        return merged
    alone = any(
        branch.get("type") not in ("array", "null") for branch in branches(schema, components)
    )
    if len(values) == 1 and (
        alone
        or str(next(iter(values[0]), "") if isinstance(values[0], dict) else "").startswith("$")
    ):
        return values[0]
    return values
