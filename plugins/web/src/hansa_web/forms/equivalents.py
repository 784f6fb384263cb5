"""What a form would do, as a call of the admin API and as a command; secrets are left out of both."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from functools import cache

import click
from hansa_cli.connection import connection_options
from hansa_cli.options import Setting, SettingType, settings
from hansa_cli.schema import Schema

from ..api import PREFIX, JsonObject
from .fields import FormField
from .values import ABSENT, source_of, stored_value

MASK = "***"
"""What stands for a secret."""
PROMPTED = "-"
"""What a command takes a secret as that it is to prompt for."""
TOKEN = "$TOKEN"


def call_of(url: str, service: str, data: Mapping[str, object]) -> str:
    """Return a call of the API for a shell, with curl; the token is a variable of the environment."""
    text = json.dumps(data, ensure_ascii=False)
    lines = (
        f"curl {shlex.quote(url + PREFIX + service)}",
        f'-H "Authorization: Bearer {TOKEN}"',
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(text)}",
    )
    return " \\\n  ".join(lines)


def command_of(words: Iterable[str], name: str, schema: Schema, data: Mapping[str, object]) -> str:
    """Return a command for a shell: its words, the name of the definition, and an option for each
    setting.
    """
    found = ["hansa", *words]
    if not name.startswith("-"):
        found.append(name)
    for setting in settings(schema):
        value = stored_value(data, FormField(setting, "text"))
        if value is not ABSENT and setting.name != "name":
            found += _option(setting, value)
    others = [key for key in data if key not in schema.properties and key != "name"]
    found += [f"--{key.replace('_', '-')}={data[key]}" for key in others]
    if name.startswith("-"):
        found += ["--", name]
    return shlex.join(found)


def masked(schema: Schema, value: object) -> object:
    """Return a value of a setting without the secrets in it; where one is kept elsewhere may be
    seen.
    """
    if source_of(value) or value is None:
        return value
    if schema.is_secret:
        return MASK
    if isinstance(value, list):
        return [masked(_inner(schema, "items"), each) for each in value]
    if isinstance(value, dict):
        known = schema.section.properties if schema.section is not None else {}
        other = _inner(schema, "additionalProperties")
        return {key: masked(known.get(key, other), each) for key, each in value.items()}
    return value


def masked_settings(schema: Schema, data: Mapping[str, object]) -> JsonObject:
    """Return settings without the secrets in them."""
    known = schema.properties
    return {key: masked(known[key], one) if key in known else one for key, one in data.items()}


def _inner(schema: Schema, key: str) -> Schema:
    """Return the schema of the items of a list, or of the values of a map."""
    found = [branch[key] for branch in schema.branches if isinstance(branch.get(key), dict)]
    return Schema(found[0] if found else {}, schema.components)


def _option(setting: Setting, value: object) -> list[str]:
    """Return the option that means a value: the one of the setting if that can, else `--set`."""
    schema = setting.schema
    if schema.section is not None and not setting.section and not source_of(value):
        return []  # its settings have options of their own
    if setting.flag not in _taken():
        if schema.is_secret and isinstance(value, str):
            return [setting.flag, PROMPTED]
        if schema.is_switch and isinstance(value, bool):
            return [setting.flag if value else f"--no-{setting.flag[2:]}"]
        is_plain = not schema.is_switch and masked(schema, value) == value
        texts = _texts(schema, value) if is_plain else None
        if texts is not None:
            return [f"{setting.flag}={text}" for text in texts]
    path = f"{setting.section}.{setting.name}" if setting.section else setting.name
    text = json.dumps(masked(schema, value), ensure_ascii=False)
    return ["--set", f"{path}={text}"]


def _texts(schema: Schema, value: object) -> list[str] | None:
    """Return what is typed for a value, once for each time that the option is given; None if no text
    means just that.
    """
    items = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not _is_list_by_options(schema, value):
        return None
    texts = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in items]
    kind = SettingType(schema)
    try:
        read = [kind.convert(text, None, None) for text in texts]
    except click.UsageError:
        return None
    is_same = [(type(one), one) for one in read] == [(type(one), one) for one in items]
    return texts if is_same else None


def _is_list_by_options(schema: Schema, items: list[object]) -> bool:
    """Whether items that are given by an option each are taken as a list of them."""
    is_single = len(items) == 1 and (schema.types != {"array"} or bool(source_of(items[0])))
    return bool(items) and not is_single


@cache
def _taken() -> frozenset[str]:
    """Return the flags that all commands have, and settings have not."""
    return frozenset(flag for option in connection_options() for flag in option.opts)
