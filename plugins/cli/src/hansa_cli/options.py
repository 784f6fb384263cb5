"""The options of a command, derived from the JSON Schema of an admin service's input.

Each setting has an option. A setting that is an object with settings of its own is a section:
besides the option that takes the whole of it as JSON, each of its settings has one,
`--SECTION-SETTING`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import click

from .schema import Schema

SET: Final = "set_"
"""The parameter of the option `--set`."""


class SettingType(click.ParamType[object]):
    """A value as typed, converted by its schema.

    `{"$env": "X"}` and the like, which stand for a value kept elsewhere, fit every schema.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.name = " or ".join(sorted(schema.item_types)) or "json"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return what help shows in place of the value."""
        if self.schema.choices:
            return "[" + "|".join(str(choice) for choice in self.schema.choices) + "]"
        if self.schema.section is not None:
            return "JSON"
        names = {"integer": "INTEGER", "number": "NUMBER", "object": "KEY=VALUE|JSON"}
        return names.get(self.name, "TEXT" if self.schema.item_types else "JSON")

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """Return the value that was typed; raises a usage error if it does not fit the schema."""
        if not isinstance(value, str):
            return value
        try:
            return self._converted(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def _converted(self, text: str) -> object:
        types = self.schema.item_types
        if text.startswith('{"$'):
            return _json(text)
        if self.schema.choices:
            return self._choice(text)
        if "boolean" in types and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if "string" in types:
            return text
        if types & {"integer", "number"}:
            return _number(text, whole="number" not in types)
        if "object" in types and "=" in text and not text.lstrip().startswith(("{", "[")):
            key, _, value = text.partition("=")
            return {key: value}
        return _json(text)

    def _choice(self, text: str) -> object:
        for choice in self.schema.choices:
            if str(choice) == text:
                return choice
        choices = ", ".join(str(choice) for choice in self.schema.choices)
        raise ValueError(f"{text!r} is not one of {choices}")


def _json(text: str) -> object:
    try:
        found: object = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not valid JSON: {error}") from None
    return found


def _number(text: str, *, whole: bool) -> int | float:
    try:
        return int(text)
    except ValueError:
        if whole:
            raise ValueError(f"{text!r} is no whole number") from None
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


@dataclass(frozen=True)
class Setting:
    """One setting of a schema: by its name, or in a section by the names of both."""

    name: str
    schema: Schema
    required: bool
    default: object = None
    section: str = ""

    @property
    def parameter(self) -> str:
        """The name under which click hands over its value."""
        return f"{self.section}__{self.name}" if self.section else self.name

    @property
    def words(self) -> str:
        """Its name in words, with that of its section."""
        return f"{self.section} {self.name}".strip().replace("_", " ")

    @property
    def flag(self) -> str:
        """The option that takes it."""
        return "--" + self.words.replace(" ", "-")


def settings(schema: Schema) -> list[Setting]:
    """Return the settings of a schema, each section followed by the settings inside it.

    Where two would have the same option, the one outside a section has it, or else the first.
    """
    found: list[Setting] = []
    flags = {Setting(name, inner, False).flag for name, inner in schema.properties.items()}
    for name, inner in schema.properties.items():
        required = name in schema.required
        # the options of a section's settings show their defaults
        default = inner.own.get("default") if inner.section is None else None
        found.append(Setting(name, inner, required, default))
        for setting in _inside(name, inner, required=required):
            if setting.flag not in flags:
                flags.add(setting.flag)
                found.append(setting)
    return found


def _inside(section: str, schema: Schema, *, required: bool) -> Iterator[Setting]:
    """The settings of a section; their defaults count where leaving it out means its default."""
    if schema.section is None:
        return
    known = required or "default" in schema.own
    defaults = schema.own.get("default") or {}
    for name, inner in schema.section.properties.items():
        yield Setting(
            name,
            inner,
            required=required and name in schema.section.required,
            default=defaults.get(name, inner.own.get("default")) if known else None,
            section=section,
        )


def parameters(schema: Schema, taken: Collection[str] = ()) -> list[click.Parameter]:
    """Return the argument NAME, an option for each setting, and `--set` for what they cannot say.

    A setting whose flag is `taken` by another option of the command has `--setting-NAME` instead.
    """
    found: list[click.Parameter] = []
    for setting in settings(schema):
        if setting.parameter == "name":
            argument = click.Argument(["name"], required=setting.required, default=None)
            found.insert(0, argument)
        elif setting.flag in taken:
            found.append(_option(setting, f"--setting-{setting.flag[2:]}"))
        else:
            found.append(_option(setting, setting.flag))
    found.append(
        click.Option(
            ["--set", SET],
            multiple=True,
            metavar="SETTING=JSON",
            help="Any setting as JSON, for what the options cannot say: --set timeout=null",
        )
    )
    return found


def _option(setting: Setting, flag: str) -> click.Option:
    schema = setting.schema
    help = help_text(setting)
    if schema.is_switch:
        flags = f"{flag}/--no-{flag[2:]}"
        return click.Option([flags, setting.parameter], default=None, help=help)
    if schema.is_secret:
        help += " - prompts for it, or reads it from standard input."
    return click.Option(
        [flag, setting.parameter],
        type=SettingType(schema),
        multiple=schema.is_list or schema.is_map,
        default=None,
        help=help,
    )


def help_text(setting: Setting) -> str:
    """Return what a setting is for, whether it is required, its default and an example."""
    marks: list[str] = []
    if setting.required:
        marks.append("required")
    if setting.default not in (None, "", [], {}):
        marks.append(f"default: {_shown(setting.default)}")
    examples = setting.schema.own.get("examples")
    if examples:
        marks.append(f"such as {_shown(examples[0])}")
    text = setting.schema.description.rstrip(".") + "."
    return f"{text}  [{'; '.join(marks)}]" if marks else text


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
