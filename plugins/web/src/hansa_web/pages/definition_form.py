"""What the form of a definition shows: settings that are stored, or what was entered with its faults."""

from __future__ import annotations

from collections.abc import Mapping

from ..api import ApiError, JsonObject
from ..catalogue import RegisteredType
from ..forms.fields import FormField, field_groups, fields_of
from ..forms.references import choices_of
from ..forms.sections import Section, posted_sections, section_of
from ..forms.values import (
    ABSENT,
    SOURCES,
    Posted,
    Shown as ShownValue,
    belongs,
    shown_of,
    stored_value,
)
from ..language.texts import counted, gettext
from ..page import Context, Shown
from ..sessions import SeenForm
from ..visit import Visit
from .definitions import definition_path, settings_of
from .opening import way_back

MOST_SEEN = 20
"""Forms of which a session remembers the settings that they were shown with."""


def form_key(visit: Visit, revision: int) -> SeenForm:
    """Return what tells the form of a definition, as of a revision, from others."""
    of = visit.parts
    return of["kind"], of["type"], of["name"], revision


def remember(visit: Visit, found: JsonObject) -> None:
    """Keep the settings that a form was shown for, to know later what was touched in it."""
    seen = visit.session.seen
    seen[form_key(visit, found["revision"])] = settings_of(found)
    while len(seen) > MOST_SEEN:
        del seen[next(iter(seen))]


def conflict(
    visit: Visit,
    registered: RegisteredType,
    found: JsonObject,
    before: Mapping[str, object],
    posted: Posted,
) -> Shown:
    """Return the form again, for what is stored now: with what was touched in it, and else with what
    somebody else has changed; and a table of both.
    """
    remember(visit, found)
    now = settings_of(found)
    rows: list[tuple[str, object, object, object]] = []
    shown: dict[str, ShownValue] = {}
    for one in fields_of(registered.schema):
        saw = stored_value(before, one)
        stored = stored_value(now, one)
        wanted = stored_value(posted.settings, one)
        shown[one.path] = shown_of(one, stored if wanted is ABSENT else wanted)
        if wanted is not ABSENT or saw != stored:
            compared = [_comparable(one, value) for value in (saw, stored, wanted)]
            rows.append((one.path, compared[0], compared[1], compared[2]))
    sections = [section_of(group, shown) for group in field_groups(registered.schema)]
    context = form_context(
        visit,
        registered,
        sections,
        found=found,
        name=found["name"],
        summary=gettext(
            "Somebody else has changed it since. Nothing is lost: compare, and save again."
        ),
    )
    return Shown({**context, "conflict": rows}, 409)


def _comparable(one: FormField, value: object) -> object:
    """Return a value for the table of a conflict; secrets are not shown."""
    if value is ABSENT:
        return None
    return gettext("a new secret") if one.widget == "secret" else value


def form_context(
    visit: Visit,
    registered: RegisteredType,
    sections: list[Section],
    *,
    found: JsonObject | None = None,
    name: str = "",
    faults: Mapping[str, str] | None = None,
    summary: str = "",
    result: str = "",
    cid: str = "",
) -> Context:
    """Return what the template of the form gets."""
    faults = faults or {}
    prefix = counted(len(faults), "%(num)s fault", "%(num)s faults") + " – " if faults else ""
    words = registered.path.replace(".", " ")
    if found is not None:
        title = gettext("Edit %(name)s", name=found["name"])
    else:
        title = gettext("New %(type)s", type=words)
    rows = [row for section in sections for row in section.rows]
    known = {row.field.path for row in rows if row.shown.fault}
    here = definition_path(visit) if found is not None else way_back(visit)
    return {
        "title": prefix + title,
        "heading": title,
        "registered": registered,
        "sections": sections,
        "sources": SOURCES,
        "count": len(rows),
        "choices": choices_of(visit, (row.field for row in rows)),
        "found": found,
        "name": name,
        "name_fault": faults.get("name", ""),
        "faults": [row for row in rows if row.shown.fault],
        "other_faults": {
            key: fault
            for key, fault in faults.items()
            if key != "name" and not any(belongs(key, path) for path in known)
        },
        "summary": summary,
        "result": result,
        "cid": cid,
        "conflict": [],
        "can_test": "test" in registered.actions,
        "can_preview": "preview" in registered.actions and visit.may(registered.service("preview")),
        "back": here,
    }


def again(
    visit: Visit,
    registered: RegisteredType,
    faults: Mapping[str, str],
    *,
    found: JsonObject | None = None,
    name: str = "",
    summary: str = "",
    cid: str = "",
    status: int = 422,
) -> Shown:
    """Return the form again, with all that was entered but secrets."""
    sections = posted_sections(registered.schema, visit.form, faults)
    context = form_context(
        visit,
        registered,
        sections,
        found=found,
        name=name,
        faults=faults,
        summary=summary,
        cid=cid,
    )
    return Shown(context, status)


def refused(
    visit: Visit,
    registered: RegisteredType,
    error: ApiError,
    *,
    found: JsonObject | None = None,
    name: str = "",
) -> Shown:
    """Return the form again with the faults that the API found."""
    if error.status in (401, 403, 404):
        raise error
    summary = "" if error.errors else str(error)
    return again(
        visit,
        registered,
        error.errors,
        found=found,
        name=name,
        summary=summary,
        cid=error.cid,
        status=422 if error.errors else error.status,
    )
