"""What fields show of settings, and which settings a posted form means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..api import JsonObject
from ..language.texts import gettext_noop
from ..view import current_view
from ..visit import Form
from .fields import EMPTY, NONE, FormField
from .reading import read_scalar, read_text

ABSENT = object()
"""What a field means that was left as it is by default."""
SOURCES = {
    "$env": gettext_noop("environment variable"),
    "$file": gettext_noop("file"),
    "$vault": gettext_noop("vault"),
}
"""Where the value of a setting may stand instead of in the form."""
NULL = "~null"
"""The source of no value, for settings that have another one by default."""
FROM = "~from"
REFERENCE = "~reference"
KEYS = "~keys"
KINDS = "~kinds"
ZONE = "~zone"
AS_TEXT = "~text"
WAS = "~was"
KEY = "~key"
"""What the names of fields end in that belong to the field of a setting."""
TEXT = "text"
"""The kind of a value in a map that is a text, whatever it looks like."""
MOST_RECORDS = 500


@dataclass(frozen=True)
class Pair:
    """An entry of a map: with `is_text` its value is a text although it looks like something else."""

    key: str = ""
    value: str = ""
    is_text: bool = False


@dataclass(frozen=True)
class Record:
    """An object of a list or of a map of objects: its fields, and what each shows.

    `was` is its place in the stored list, or its key; empty for a new one. `path` is that of its
    fields.
    """

    path: str
    cells: list[tuple[FormField, Shown]]
    key: str = ""
    was: str = ""
    fault: str = ""


@dataclass(frozen=True)
class Shown:
    """What a field shows: its text, entries of a map, objects, or where the value comes from."""

    text: str = ""
    pairs: list[Pair] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    zone: str = ""
    source: str = ""
    reference: str = ""
    is_set: bool = False
    is_text: bool = False
    fault: str = ""

    @property
    def blank(self) -> Shown:
        """What the fields of a new object show."""
        return Shown(zone=self.zone or current_view().zone)


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


def fault_of(faults: Mapping[str, str], path: str) -> str:
    """Return the fault of a field: of its own path, or of a part of its value."""
    own = faults.get(path)
    inner = [
        f"{key.removeprefix(path).lstrip('.')}: {fault}"
        for key, fault in faults.items()
        if belongs(key, path) and key != path
    ]
    return "; ".join(([own] if own else []) + inner)


def belongs(fault: str, path: str) -> bool:
    """Whether the path of a fault is that of a field, or of a part of its value."""
    return fault == path or fault.startswith((f"{path}.", f"{path}["))


# -- what fields show ------------------------------------------------------------------------------


def shown_of(one: FormField, value: object) -> Shown:
    """Return what a field shows of a stored value; of a secret, only where it comes from."""
    zone = current_view().zone
    if value is ABSENT:
        return Shown(zone=zone)
    source = source_of(value)
    if source:
        reference = value[source] if isinstance(value, dict) else ""
        return Shown(source=source, reference=str(reference), is_set=True, zone=zone)
    if value is None and one.is_nullable:
        return Shown(source=NULL, is_set=True, zone=zone)
    if one.widget == "secret":
        return Shown(is_set=True)
    if one.widget == "pairs" and isinstance(value, dict):
        pairs = [_pair_of(one, key, inner) for key, inner in value.items()]
        return Shown(pairs=pairs, is_set=bool(pairs))
    if one.is_records:
        records = [_stored_record(one, *each) for each in enumerate(_items(value))]
        return Shown(records=records, is_set=bool(records))
    default = one.setting.default
    is_default = value == default or value in EMPTY
    is_text = isinstance(value, str) and read_scalar(one.setting.schema.types, value) != value
    text = _text_of(one, value)
    if one.widget == "time" and isinstance(value, str):
        text, zone = _local_time(value)
    return Shown(text=text, is_set=not is_default, is_text=is_text, zone=zone)


def _pair_of(one: FormField, key: object, value: object) -> Pair:
    is_text = isinstance(value, str) and read_scalar(one.value_types, value) != value
    return Pair(str(key), _scalar_text(value), is_text)


def _stored_record(one: FormField, index: int, item: tuple[str, str, object]) -> Record:
    was, key, value = item
    settings = value if isinstance(value, dict) else {}
    path = f"{one.path}[{index}]"
    cells = [(inner, shown_of(inner, stored_value(settings, inner))) for inner in one.inner(path)]
    return Record(path, cells, key=key, was=was)


def _items(value: object) -> list[tuple[str, str, object]]:
    """Return the objects of a list or a map: for each its place or key, its key, and itself."""
    if isinstance(value, list):
        return [(str(index), "", each) for index, each in enumerate(value)]
    if isinstance(value, dict):
        return [(key, key, each) for key, each in value.items()]
    return []


def shown_again(one: FormField, form: Form, faults: Mapping[str, str], path: str = "") -> Shown:
    """Return what a field shows of what was posted; of a secret nothing.

    `path` is that of the setting in the faults, where it is not that of the field.
    """
    path = path or one.path
    source = form.get(one.path + FROM)
    pairs = [pair for pair in _posted_pairs(one, form) if pair.key or pair.value]
    records = list(_records_again(one, form, faults, path)) if one.is_records else []
    return Shown(
        text="" if one.widget == "secret" else form.get(one.path),
        pairs=pairs,
        records=records,
        zone=form.get(one.path + ZONE) or current_view().zone,
        source=source,
        reference=form.get(one.path + REFERENCE),
        is_set=bool(form.get(one.path) or source or pairs or records),
        is_text=one.path + AS_TEXT in form,
        fault=faults.get(path, "") if records else fault_of(faults, path),
    )


def _records_again(
    one: FormField, form: Form, faults: Mapping[str, str], path: str
) -> Iterator[Record]:
    """Return the objects that were posted, numbered anew, with their faults at their fields."""
    for index, posted in enumerate(posted_records(one, form)):
        key = form.get(posted + KEY)
        at = f"{path}.{key}" if one.widget == "named records" else f"{path}[{index}]"
        shown = f"{one.path}[{index}]"
        cells = [
            (inner, shown_again(before, form, faults, at + before.path.removeprefix(posted)))
            for inner, before in zip(one.inner(shown), one.inner(posted), strict=True)
        ]
        yield Record(shown, cells, key=key, was=form.get(posted + WAS), fault=faults.get(at, ""))


# -- what a form means -----------------------------------------------------------------------------


def posted_settings(
    fields: Iterable[FormField], form: Form, stored: Mapping[str, object]
) -> Posted:
    """Return the settings that a form means: those that differ from the stored ones.

    A field that was emptied means the default of its setting; one that the form does not have at all
    was left alone.
    """
    settings: JsonObject = {}
    faults: dict[str, str] = {}
    for one in fields:
        if not is_posted(one, form):
            continue
        before = stored_value(stored, one)
        try:
            value = posted_value(one, form, before, faults)
        except ValueError as error:
            faults[one.path] = str(error)
            continue
        if value is ABSENT:
            value = _emptied(one, before)
        if value is not ABSENT and value != before:
            _put(settings, one, value)
    return Posted(settings, faults)


def is_posted(one: FormField, form: Form) -> bool:
    """Whether a form has a field at all."""
    names = (one.path, one.path + FROM, one.path + KEYS)
    return any(name in form for name in names) or one.is_records


def posted_value(
    one: FormField, form: Form, before: object = ABSENT, faults: dict[str, str] | None = None
) -> object:
    """Return the value that a field means; `ABSENT` if it was left alone. `before` is the stored one.

    Raises ValueError for what cannot be read; of objects, `faults` gets the faults by path.
    """
    source = form.get(one.path + FROM)
    if source in SOURCES:
        return {source: form.get(one.path + REFERENCE).strip()}
    if source == NULL:
        return None
    if one.widget == "pairs":
        return _posted_map(one, form) or ABSENT
    if one.is_records:
        return _posted_objects(one, form, before, faults if faults is not None else {})
    text = form.get(one.path)
    if one.widget not in ("area", "lines", "json"):
        text = text.strip() if one.widget != "secret" else text
    else:
        text = text.replace("\r\n", "\n").strip("\n")
    if text == "":
        return ABSENT
    zone = form.get(one.path + ZONE) or current_view().zone
    return read_text(one, text, zone=zone, as_text=one.path + AS_TEXT in form)


def _posted_map(one: FormField, form: Form) -> dict[str, object]:
    return {
        pair.key: pair.value if pair.is_text else read_scalar(one.value_types, pair.value)
        for pair in _posted_pairs(one, form)
        if pair.key
    }


def _posted_pairs(one: FormField, form: Form) -> list[Pair]:
    if one.widget != "pairs":
        return []
    keys = [key.strip() for key in form.all(one.path + KEYS)]
    values = form.all(one.path)
    kinds = form.all(one.path + KINDS) or [""] * len(keys)
    found = zip(keys, values, kinds, strict=False)
    return [Pair(key, value, kind == TEXT) for key, value, kind in found]


def posted_records(one: FormField, form: Form) -> list[str]:
    """Return the paths of the objects that a form has, in order: stored ones, and filled ones."""
    pattern = re.compile(re.escape(one.path) + r"\[(\d{1,4})\]")
    indexes = {
        int(match[1])
        for name, values in form.fields.items()
        if (match := pattern.match(name)) is not None and _is_filled(name, values)
    }
    return [f"{one.path}[{index}]" for index in sorted(indexes)[:MOST_RECORDS]]


def _is_filled(name: str, values: Iterable[str]) -> bool:
    """Whether the field of an object makes it count: choices and marks that every row has do not."""
    return not name.endswith((ZONE, KINDS, "~secrets")) and any(values)


def _posted_objects(one: FormField, form: Form, before: object, faults: dict[str, str]) -> object:
    """Return the list or the map of objects that a form means; `ABSENT` if there is none."""
    stored = {was: value for was, _, value in _items(before)}
    found: list[tuple[str, object]] = []
    for index, path in enumerate(posted_records(one, form)):
        base = stored.get(form.get(path + WAS))
        base = base if isinstance(base, dict) else {}
        posted = posted_settings(one.inner(path), form, base)
        for key, fault in posted.faults.items():
            faults[f"{one.path}[{index}]{key.removeprefix(path)}"] = fault
        found.append((form.get(path + KEY).strip(), _merged(base, posted.settings)))
    if not found:
        return ABSENT
    return dict(found) if one.widget == "named records" else [value for _, value in found]


def _merged(base: JsonObject, settings: JsonObject) -> JsonObject:
    """Return an object with changed settings, also inside sections."""
    merged = {**base, **settings}
    for name, value in settings.items():
        before = base.get(name)
        if isinstance(before, dict) and isinstance(value, dict) and not source_of(value):
            merged[name] = {**before, **value}
    return merged


def _emptied(one: FormField, before: object) -> object:
    """Return the default for a field that had a value; `ABSENT` for a secret, which is kept."""
    if before is ABSENT or one.widget == "secret":
        return ABSENT
    default = one.setting.default
    if default is None and "string" in one.setting.schema.types and isinstance(before, str):
        default = ""
    is_empty = before in EMPTY and default in EMPTY
    return ABSENT if is_empty else default


def _put(settings: JsonObject, one: FormField, value: object) -> None:
    if one.setting.section:
        settings.setdefault(one.setting.section, {})[one.setting.name] = value
    else:
        settings[one.setting.name] = value


def source_of(value: object) -> str:
    """Return where a value stands instead, such as `$env`; empty for a value itself."""
    if isinstance(value, dict) and len(value) == 1:
        key = next(iter(value))
        return key if key in SOURCES else ""
    return ""


def _text_of(one: FormField, value: object) -> str:
    if one.widget == "lines" and isinstance(value, list):
        return "\n".join(_scalar_text(item) for item in value)
    if one.widget == "json":
        return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
    if one.widget in ("radio", "select") and value == "":
        return NONE
    return _scalar_text(value)


def _scalar_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _local_time(text: str) -> tuple[str, str]:
    """Return a stored time as fields for dates and times have it, and its zone: that of the user, or
    UTC where that has no such time.
    """
    view = current_view()
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
        moment = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return text, view.zone
    try:
        local, zone = view.local(moment), view.zone
    except OverflowError:
        local, zone = moment, "UTC"
    return local.replace(tzinfo=None).isoformat(timespec="seconds"), zone
