"""What fields show of settings, and which settings a posted form means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..api import JsonObject
from ..visit import Form
from .fields import FormField

ABSENT = object()
"""What a field means that was left as it is by default."""
SOURCES = {"$env": "environment variable", "$file": "file", "$vault": "vault"}
"""Where the value of a setting may stand instead of in the form."""
FROM = "~from"
REFERENCE = "~reference"
KEYS = "~keys"
"""What the names of fields end in that belong to the field of a setting."""


@dataclass(frozen=True)
class Shown:
    """What a field shows: its text, pairs of a dictionary, or where the value comes from."""

    text: str = ""
    pairs: list[tuple[str, str]] = field(default_factory=list)
    source: str = ""
    reference: str = ""
    is_set: bool = False
    fault: str = ""


@dataclass(frozen=True)
class Posted:
    """The settings that a form means, and the faults of fields that mean none, by path."""

    settings: JsonObject
    faults: dict[str, str]


def stored_value(settings: Mapping[str, object], one: FormField) -> object:
    """Return the value that settings have for a field; `ABSENT` if they have none."""
    inside: object = settings
    if one.setting.section:
        inside = settings.get(one.setting.section)
    if not isinstance(inside, Mapping) or one.setting.name not in inside:
        return ABSENT
    return inside[one.setting.name]


def shown_of(one: FormField, value: object) -> Shown:
    """Return what a field shows of a stored value; of a secret, only where it comes from."""
    if value is ABSENT:
        return Shown()
    source = _source_of(value)
    if source:
        reference = value[source] if isinstance(value, dict) else ""
        return Shown(source=source, reference=str(reference), is_set=True)
    if one.widget == "secret":
        return Shown(is_set=True)
    if one.widget == "pairs" and isinstance(value, dict):
        pairs = [(str(key), str(inner)) for key, inner in value.items()]
        return Shown(pairs=pairs, is_set=bool(pairs))
    default = one.setting.default
    is_default = value == default or value in (None, "", [], {})
    return Shown(text=_text_of(one, value), is_set=not is_default)


def shown_again(one: FormField, form: Form, fault: str) -> Shown:
    """Return what a field shows of what was posted; of a secret nothing."""
    source = form.get(one.path + FROM)
    pairs = [pair for pair in _posted_pairs(one, form) if any(pair)]
    return Shown(
        text="" if one.widget == "secret" else form.get(one.path),
        pairs=pairs,
        source=source,
        reference=form.get(one.path + REFERENCE),
        is_set=bool(form.get(one.path) or source or pairs),
        fault=fault,
    )


def posted_settings(
    fields: Iterable[FormField], form: Form, stored: Mapping[str, object]
) -> Posted:
    """Return the settings that a form means: those that differ from the stored ones.

    A field that was emptied means the default of its setting.
    """
    settings: JsonObject = {}
    faults: dict[str, str] = {}
    for one in fields:
        try:
            value = posted_value(one, form)
        except ValueError as error:
            faults[one.path] = str(error)
            continue
        before = stored_value(stored, one)
        if value is ABSENT:
            value = _emptied(one, before)
        if value is not ABSENT and value != before:
            _put(settings, one, value)
    return Posted(settings, faults)


def posted_value(one: FormField, form: Form) -> object:
    """Return the value that a field means; `ABSENT` if it was left alone.

    Raises ValueError for what cannot be read.
    """
    source = form.get(one.path + FROM)
    if source in SOURCES:
        return {source: form.get(one.path + REFERENCE).strip()}
    if one.widget == "pairs":
        return {key: value for key, value in _posted_pairs(one, form) if key} or ABSENT
    text = form.get(one.path)
    if one.widget not in ("area", "lines", "json"):
        text = text.strip() if one.widget != "secret" else text
    else:
        text = text.replace("\r\n", "\n").strip("\n")
    return ABSENT if text == "" else _read(one, text)


def _read(one: FormField, text: str) -> object:
    """Return what a text means for the type of a setting; raises ValueError."""
    schema = one.setting.schema
    if one.widget == "switch":
        return text == "true"
    if one.widget in ("radio", "select"):
        return next((choice for choice in schema.choices if str(choice) == text), text)
    if one.widget == "lines":
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        is_text = len(lines) == 1 and "string" in schema.types
        return lines[0] if is_text else lines
    if one.widget == "json":
        return _read_json(text)
    if one.widget in ("text", "number"):
        return _read_scalar(schema.types, text)
    return text


def _read_scalar(types: set[str], text: str) -> object:
    """Return a number or a truth where the types have it, else the text, whose fault the API knows."""
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    for kind, read in (("integer", int), ("number", float)):
        if kind in types or (kind == "integer" and "number" in types):
            try:
                return read(text)
            except ValueError:
                continue
    return text


def _read_json(text: str) -> object:
    try:
        found: object = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"is not valid JSON: {error.msg} ({where})") from None
    return found


def _emptied(one: FormField, before: object) -> object:
    """Return the default for a field that had a value; `ABSENT` for a secret, which is kept."""
    if before is ABSENT or one.widget == "secret":
        return ABSENT
    default = one.setting.default
    if default is None and "string" in one.setting.schema.types and isinstance(before, str):
        return ""
    return ABSENT if before in (None, "", [], {}) else default


def _put(settings: JsonObject, one: FormField, value: object) -> None:
    if one.setting.section:
        settings.setdefault(one.setting.section, {})[one.setting.name] = value
    else:
        settings[one.setting.name] = value


def _posted_pairs(one: FormField, form: Form) -> list[tuple[str, str]]:
    if one.widget != "pairs":
        return []
    keys = [key.strip() for key in form.all(one.path + KEYS)]
    return list(zip(keys, form.all(one.path), strict=False))


def _source_of(value: object) -> str:
    """Return where a value stands instead, such as `$env`; empty for a value itself."""
    if isinstance(value, dict) and len(value) == 1:
        key = next(iter(value))
        return key if key in SOURCES else ""
    return ""


def _text_of(one: FormField, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if one.widget == "lines" and isinstance(value, list):
        return "\n".join(str(item) for item in value)
    if isinstance(value, str) and one.widget != "json":
        return value
    if one.widget == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    return str(value)
