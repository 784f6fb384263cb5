"""What was typed for the options, as the JSON object that an admin service takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import cast

import click

from .options import SET, Setting, settings
from .plain import JsonObject
from .schema import Schema


def typed(values: Mapping[str, object], schema: Schema) -> JsonObject:
    """Return the settings that were given, and no others.

    A secret given as `-` is prompted for, or read from standard input where that is no terminal.
    """
    found: JsonObject = {}
    for setting in settings(schema):
        value = values.get(setting.parameter)
        if value is None or value == ():
            continue
        if isinstance(value, tuple):
            value = _combined(list(value), setting.schema)
        if value == "-" and setting.schema.is_secret:
            value = _prompted(setting)
        _put(found, setting.section, setting.name, value)
    assignments = cast("Iterable[str]", values.get(SET) or ())
    for assignment in assignments:
        _assign(found, assignment, schema)
    return found


def _put(found: JsonObject, section: str, name: str, value: object) -> None:
    if not section:
        found[name] = value
        return
    inside = found.get(section)
    found[section] = {**(inside if isinstance(inside, dict) else {}), name: value}


def _prompted(setting: Setting) -> object:
    if not _is_terminal():
        line = sys.stdin.readline()
        if not line:
            raise click.UsageError(f"{setting.flag} -: there is nothing on standard input")
        return line.rstrip("\r\n")
    answer: object = click.prompt(
        setting.words.capitalize(), hide_input=True, confirmation_prompt=True, err=True
    )
    return answer


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _assign(found: JsonObject, assignment: str, schema: Schema) -> None:
    """Add a `SETTING=JSON` or `SECTION.SETTING=JSON` of `--set`; raises a usage error."""
    path, equals, text = assignment.partition("=")
    if not equals:
        raise click.UsageError(f"--set {assignment}: write SETTING=JSON")
    try:
        value = json.loads(text)
    except ValueError as error:
        message = f"--set {assignment}: not valid JSON: {error} (a text needs quotes)"
        raise click.UsageError(message) from None
    path = path.strip().replace("-", "_")
    section, dot, name = path.partition(".")
    if dot and section in schema.properties and schema.properties[section].section is not None:
        _put(found, section, name, value)
    else:
        _put(found, "", path, value)


def _combined(values: list[object], schema: Schema) -> object:
    """Return what an option given several times means: one object, one value, or a list."""
    if schema.is_map and all(isinstance(value, dict) for value in values):
        merged: JsonObject = {}
        for value in cast("list[JsonObject]", values):
            merged |= value
        return merged
    if len(values) == 1 and (_may_be_single(schema) or _is_reference(values[0])):
        return values[0]
    return values


def _may_be_single(schema: Schema) -> bool:
    """Whether a value that is no list is allowed."""
    return any(branch.get("type") not in ("array", "null") for branch in schema.branches)


def _is_reference(value: object) -> bool:
    """Whether a value such as `{"$env": "X"}` stands for one that is kept elsewhere."""
    return isinstance(value, dict) and str(next(iter(value), "")).startswith("$")
