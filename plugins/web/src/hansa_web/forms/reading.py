"""What a text that was typed into a field means for the type of its setting."""

from __future__ import annotations

import json
from typing import NoReturn

from hansa_cli.schema import Schema

from ..language.texts import gettext
from ..moments import read_moment
from .fields import NONE, FormField


def read_text(one: FormField, text: str, *, zone: str, as_text: bool) -> object:
    """Return the value that a text means, which is not empty; raises ValueError.

    `zone` is that of a time without an offset; with `as_text` what may be a text is one.
    """
    schema = one.setting.schema
    if one.widget == "switch":
        return text == "true"
    if one.widget in ("radio", "select"):
        if text == NONE:
            return ""
        return next((choice for choice in schema.choices if str(choice) == text), text)
    if one.widget == "lines":
        return _read_lines(schema, text)
    if one.widget == "time":
        return read_moment(text, zone).isoformat()
    if one.widget == "json":
        return read_json(text)
    if one.widget in ("text", "number") and not as_text:
        return read_scalar(schema.types, text)
    return text


def read_scalar(types: set[str], text: str) -> object:
    """Return a number or a truth where the types have it, else the text, whose fault the API knows."""
    for kind, read in (("integer", int), ("number", float)):
        if kind in types or (kind == "integer" and "number" in types):
            try:
                return read(text)
            except ValueError:
                continue
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    return text


def _read_lines(schema: Schema, text: str) -> object:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(lines) == 1 and "string" in schema.types:
        return lines[0]
    return [read_scalar(schema.item_types, line) for line in lines]


def read_json(text: str) -> object:
    """Return the value of a JSON text; raises ValueError that says line and column."""
    try:
        found: object = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = gettext("line %(line)s, column %(column)s", line=error.lineno, column=error.colno)
        raise ValueError(
            gettext("is not valid JSON: %(msg)s (%(where)s)", msg=error.msg, where=where)
        ) from None
    except RecursionError:
        raise ValueError(gettext("is not valid JSON: it is nested too deeply")) from None
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(gettext("is not valid JSON: there is no %(text)s", text=text))
