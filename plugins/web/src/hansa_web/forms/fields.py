"""The fields of a form: one for each setting of a schema, in groups, with the widget that fits it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from hansa_cli.options import Setting, settings
from hansa_cli.schema import Schema

from ..api import JsonObject
from ..language.texts import gettext, gettext_noop
from ..rendering import shown, words

Widget = Literal[
    "switch",
    "radio",
    "select",
    "number",
    "text",
    "area",
    "secret",
    "lines",
    "pairs",
    "records",
    "named records",
    "time",
    "json",
]
DEEPEST = 3
"""Lists in lists of objects that have fields."""
FEW = 4
"""Choices that are shown as radio buttons; more are a list to select from."""
NONE = "~none"
"""The choice of an empty text, where that is one of several, and not the default."""
EMPTY: tuple[object, ...] = (None, "", [], {})
"""Values that a field shows as nothing."""
_KINDS = {
    "integer": gettext_noop("a whole number"),
    "number": gettext_noop("a number"),
    "boolean": gettext_noop("true or false"),
    "string": gettext_noop("a text"),
}
_SCALARS = set(_KINDS)


@dataclass(frozen=True)
class FormField:
    """One field: the setting that it is for, and how it is shown.

    `path` is `SETTING` or `SECTION.SETTING`, as the faults of the API name it; inside an object of a
    list with the path of the object before it (`inside`).
    """

    setting: Setting
    widget: Widget
    inside: str = ""

    @property
    def path(self) -> str:
        """The name of the field."""
        parts = (self.inside, self.setting.section, self.setting.name)
        return ".".join(part for part in parts if part)

    @property
    def is_records(self) -> bool:
        """Whether it has objects with fields of their own."""
        return self.widget in ("records", "named records")

    def inner(self, path: str) -> list[FormField]:
        """Return the fields of one of its objects, whose path is given; objects that are nested very
        deeply, as those of a type that contains itself, are JSON.
        """
        schema = record_of(self.setting.schema)
        if schema is None:
            return []
        found = [one for group in field_groups(schema, ()) for one in group.fields]
        is_deepest = path.count("[") >= DEEPEST
        return [
            FormField(one.setting, "json" if one.is_records and is_deepest else one.widget, path)
            for one in found
        ]

    @property
    def record_title(self) -> str:
        """What one of its objects is, as its schema says first."""
        schema = record_of(self.setting.schema)
        return schema.description.partition(".")[0] if schema is not None else ""

    @property
    def value_types(self) -> set[str]:
        """The JSON types of the values of a map."""
        return _value_types(self.setting.schema)

    @property
    def has_kinds(self) -> bool:
        """Whether it is a map whose values may be texts or something else."""
        return "string" in self.value_types and len(self.value_types) > 1

    @property
    def kinds(self) -> str:
        """The kinds of values that it takes, in words, if there are several."""
        types = self.value_types if self.widget == "pairs" else self.setting.schema.types
        if self.widget not in ("pairs", "text") or len(types) < 2:
            return ""
        return gettext(" or ").join(gettext(_KINDS[type]) for type in _KINDS if type in types)

    @property
    def has_one_control(self) -> bool:
        """Whether its label is that of one input."""
        return self.widget not in ("pairs", "radio") and not self.is_records

    @property
    def is_nullable(self) -> bool:
        """Whether it may have no value, although it has one by default."""
        branches = self.setting.schema.branches
        return self.setting.default is not None and any(b.get("type") == "null" for b in branches)

    @property
    def fits_text(self) -> bool:
        """Whether what reads as a number or a truth may be a text, too."""
        types = self.setting.schema.types
        return self.widget == "text" and "string" in types and bool(types - {"string"})

    @property
    def label(self) -> str:
        """The name of the setting in words; in an object also that of its section."""
        section = self.setting.section if self.inside else ""
        return words(f"{section}_{self.setting.name}" if section else self.setting.name)

    @property
    def help(self) -> str:
        """What the setting is for."""
        return self.setting.schema.description

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.setting.required

    @property
    def choices(self) -> list[str]:
        """The values to choose from, as they are posted, the default as well."""
        choices = self.setting.schema.choices
        return [str(choice) if choice != "" else NONE for choice in choices]

    @property
    def item_choices(self) -> list[str]:
        """The values that items of a list may have; empty if there are others."""
        schema = self.setting.schema
        arrays = [branch for branch in schema.branches if branch.get("type") == "array"]
        items = [Schema(branch.get("items") or {}, schema.components) for branch in arrays]
        return [str(choice) for item in items for choice in item.choices]

    @property
    def default(self) -> str:
        """The default in words; empty if there is none."""
        value = self.setting.default
        if value == "" and "" in self.setting.schema.choices:
            return "none"
        return "" if value in EMPTY else shown(value)

    @property
    def example(self) -> str:
        """An example; empty if there is none."""
        examples = self.setting.schema.own.get("examples")
        return shown(examples[0]) if examples else ""

    @property
    def bounds(self) -> str:
        """The bounds of a number, or of the length of a text, in words."""
        return _bounds(self.setting.schema)

    @property
    def refers(self) -> str:
        """What the value must be the name of; empty if it is no name."""
        return str(_first(self.setting.schema, "x-refers") or "")

    @property
    def is_path(self) -> bool:
        """Whether the path of a file will do in place of a name."""
        return bool(_first(self.setting.schema, "x-path"))

    @property
    def is_advanced(self) -> bool:
        """Whether it is folded away unless it is set."""
        return bool(_first(self.setting.schema, "x-advanced"))

    @property
    def is_list(self) -> bool:
        """Whether several values may be given."""
        return self.setting.schema.is_list

    @property
    def is_switch(self) -> bool:
        """Whether it is true or false."""
        return self.setting.schema.is_switch


@dataclass(frozen=True)
class FieldGroup:
    """Fields that are shown together, under a title; the advanced ones in a fold.

    With `is_section` they are the settings of a section.
    """

    title: str
    help: str
    is_section: bool = False
    fields: list[FormField] = field(default_factory=list)

    @property
    def common(self) -> list[FormField]:
        """The fields that are not folded away."""
        return [one for one in self.fields if not one.is_advanced]

    @property
    def advanced(self) -> list[FormField]:
        """The fields in the fold."""
        return [one for one in self.fields if one.is_advanced]


def field_groups(schema: Schema, without: Iterable[str] = ("name",)) -> list[FieldGroup]:
    """Return the fields of a schema in groups: of the classes that declare the settings, those of
    the same title together, and one for each section. Those with required settings come first, and
    sections last.
    """
    titles: Mapping[str, str] = schema.own.get("x-groups") or {}
    groups = {f"group {title}": FieldGroup(title, "") for title in titles.values()}
    for setting in settings(schema):
        if setting.name in without and not setting.section:
            continue
        if setting.schema.section is not None and not setting.section:
            continue  # a section is shown by its settings
        key, title, help = _group_of(setting, schema, titles)
        group = groups.setdefault(key, FieldGroup(title, help, bool(setting.section)))
        group.fields.append(FormField(setting, widget_of(setting.schema)))
    return sorted((group for group in groups.values() if group.fields), key=_place)


def _place(group: FieldGroup) -> tuple[bool, bool]:
    has_required = any(one.required for one in group.fields)
    return (not has_required, group.is_section)


def fields_of(schema: Schema) -> list[FormField]:
    """Return the fields of a schema, without their groups."""
    return [one for group in field_groups(schema) for one in group.fields]


def _group_of(setting: Setting, schema: Schema, titles: Mapping[str, str]) -> tuple[str, str, str]:
    """Return key, title and help of the group that a setting belongs to."""
    if setting.section:
        section = schema.properties[setting.section]
        return f"section {setting.section}", _capital(words(setting.section)), section.description
    name = str(schema.properties[setting.name].own.get("x-group", ""))
    title = titles.get(name, gettext("Settings"))
    return f"group {title}", title, ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def widget_of(schema: Schema) -> Widget:
    """Return the widget that fits a setting: what no other fits is shown as JSON."""
    types = schema.types
    if schema.is_secret:
        return "secret"
    if schema.choices and not types - {"string", "integer", "number"}:
        return "radio" if len(schema.choices) <= FEW else "select"
    if schema.is_switch:
        return "switch"
    return _widget_of_types(schema, types)


def _widget_of_types(schema: Schema, types: set[str]) -> Widget:
    if schema.is_list:
        return _widget_of_list(schema, types)
    if types == {"object"}:
        return _widget_of_map(schema)
    if not types or not types <= _SCALARS:
        return "json"
    if types <= {"integer", "number"}:
        return "number"
    if types == {"string"} and _first(schema, "format") == "date-time":
        return "time"
    return "area" if _first(schema, "x-multiline") else "text"


def _widget_of_list(schema: Schema, types: set[str]) -> Widget:
    if record_of(schema) is not None:
        return "records"
    items = schema.item_types
    is_plain = items == {"string"} or (bool(items) and items <= _SCALARS - {"string"})
    fits = types <= {"array", *items} and (types == {"array"} or items == {"string"})
    return "lines" if is_plain and fits else "json"


def _widget_of_map(schema: Schema) -> Widget:
    if record_of(schema) is not None:
        return "named records"
    types = _value_types(schema)
    return "pairs" if types and types <= _SCALARS else "json"


def record_of(schema: Schema) -> Schema | None:
    """Return the schema of the objects of a list or a map, if it is one of such objects."""
    branches = [branch for branch in schema.branches if branch.get("type") != "null"]
    if len(branches) != 1:
        return None
    inner = branches[0].get("items") or branches[0].get("additionalProperties")
    if branches[0].get("properties") or not isinstance(inner, dict):
        return None
    return Schema(inner, schema.components).section


def _value_types(schema: Schema) -> set[str]:
    """Return the types of the values of an object with keys of any name; empty if it is another."""
    objects = [branch for branch in schema.branches if branch.get("type") == "object"]
    found: set[str] = set()
    for branch in objects:
        inner = branch.get("additionalProperties")
        if branch.get("properties") or not isinstance(inner, dict):
            return set()
        found |= Schema(inner, schema.components).types
    return found


def _first(schema: Schema, key: str) -> object:
    """Return what a schema, or the first of its alternatives, says under a key."""
    found: list[JsonObject] = [schema.own, *schema.branches]
    return next((one[key] for one in found if key in one), None)


def _bounds(schema: Schema) -> str:
    least = _first(schema, "minimum")
    most = _first(schema, "maximum")
    if least is not None and most is not None:
        return gettext("%(least)s to %(most)s", least=least, most=most)
    if least is not None:
        return gettext("at least %(least)s", least=least)
    if most is not None:
        return gettext("at most %(most)s", most=most)
    return ""
