"""The forms that create and edit definitions, derived from the schema of their type."""

from __future__ import annotations

from collections.abc import Mapping

from ..api import ApiError, JsonObject
from ..catalogue import RegisteredType
from ..forms.equivalents import call_of, command_of, masked_settings
from ..forms.fields import FormField, field_groups, fields_of
from ..forms.references import choices_of
from ..forms.rows import with_rows
from ..forms.sections import Section, posted_sections, section_of, stored_sections
from ..forms.values import (
    ABSENT,
    SOURCES,
    Posted,
    Shown as ShownValue,
    belongs,
    posted_settings,
    shown_of,
    stored_value,
)
from ..page import Context, Outcome, Page, Redirect, Shown
from ..rendering import counted
from ..sessions import SeenForm
from ..visit import Visit
from .definitions import definition_path, settings_of
from .lists import list_path
from .opening import back_with, open_new, way_back

AS_COMMAND = "command"
"""The action of a form that shows what it would do as a command, and does nothing."""
MOST_SEEN = 20
"""Forms of which a session remembers the settings that they were shown with."""


def show_new(visit: Visit) -> Context:
    """Return the empty form of a type, with settings that the address gives."""
    registered = visit.type
    visit.require(registered.service("create"))
    given = {
        name: visit.query.get(name) for name in registered.schema.properties if name in visit.query
    }
    sections = stored_sections(registered.schema, given)
    return _context(visit, registered, sections, name=visit.query.get("name"))


def create(visit: Visit) -> Outcome:
    """Create a definition, or try its settings; the form is shown again with its faults."""
    registered = visit.type
    name = visit.form.get("name").strip()
    opened = open_new(visit, "new")
    if opened is not None:
        return opened
    rows = with_rows(visit.form)
    if rows is not None:
        visit.form = rows
        return _again(visit, registered, {}, name=name, status=200)
    posted = posted_settings(fields_of(registered.schema), visit.form, {})
    if visit.form.get("action") == "test":
        return _try(visit, registered, posted, {"name": ""}, name=name)
    if posted.faults:
        return _again(visit, registered, posted.faults, name=name)
    if visit.form.get("action") == AS_COMMAND:
        return _as_command(visit, registered, "create", {"name": name, **posted.settings})
    try:
        answer = visit.send(registered.service("create"), {**posted.settings, "name": name})
    except ApiError as error:
        return _refused(visit, registered, error, name=name)
    path = visit.path(registered.kind, registered.type, name)
    notice = f"{name} is created, revision {answer['revision']}: {answer.get('state', '')}."
    generated = answer.get("generated") or {}
    secret = "\n".join(f"{key}: {value}" for key, value in generated.items())
    if secret:
        notice += " What was generated is shown this once:"
    return back_with(visit, name, Redirect(path, notice, answer["revision"], secret))


def show_edit(visit: Visit) -> Context:
    """Return the form with the settings of a definition; secrets are never filled in."""
    registered = visit.type
    visit.require(registered.service("edit"))
    found = visit.call(registered.service("get"), name=visit.parts["name"])
    remember(visit, found)
    sections = stored_sections(registered.schema, settings_of(found))
    return _context(visit, registered, sections, found=found, name=found["name"])


def edit(visit: Visit) -> Outcome:
    """Change the settings that somebody has touched, unless the definition was changed since."""
    registered = visit.type
    name = visit.parts["name"]
    found = visit.call(registered.service("get"), name=name)
    seen = visit.form.number("seen_revision", 0)
    opened = open_new(visit, name, "edit")
    if opened is not None:
        return opened
    rows = with_rows(visit.form)
    if rows is not None:
        visit.form = rows
        return _again(
            visit, registered, {}, found={**found, "revision": seen}, name=name, status=200
        )
    before = visit.session.seen.get(form_key(visit, seen), settings_of(found))
    posted = posted_settings(fields_of(registered.schema), visit.form, before)
    if visit.form.get("action") == "test":
        return _try(visit, registered, posted, {"name": name}, found=found, name=name)
    if posted.faults:
        return _again(visit, registered, posted.faults, found=found, name=name)
    asked = {"name": name, "seen_revision": seen, **posted.settings}
    if visit.form.get("action") == AS_COMMAND:
        return _as_command(visit, registered, "edit", asked, found={**found, "revision": seen})
    here = definition_path(visit)
    if not posted.settings:
        return Redirect(here, "Nothing was changed.")
    if seen != found["revision"]:
        return conflict(visit, registered, found, before, posted)
    try:
        answer = visit.send(registered.service("edit"), asked)
    except ApiError as error:
        return _refused(visit, registered, error, found=found, name=name)
    notice = f"{name} is changed, revision {answer['revision']}: {answer.get('state', '')}."
    return Redirect(here, notice, answer["revision"])


def new_again(visit: Visit) -> Shown:
    """Return the form of a new definition with what was entered before it was kept."""
    registered = visit.type
    visit.require(registered.service("create"))
    name = visit.form.get("name").strip()
    return _again(visit, registered, {}, name=name, summary=visit.told, status=200)


def edit_again(visit: Visit) -> Shown:
    """Return the form of a definition with what was entered before it was kept; whether somebody has
    changed it meanwhile is judged when it is saved.
    """
    registered = visit.type
    visit.require(registered.service("edit"))
    found = visit.call(registered.service("get"), name=visit.parts["name"])
    seen = visit.form.number("seen_revision", 0)
    if seen == found["revision"]:
        remember(visit, found)
    return _again(
        visit,
        registered,
        {},
        found={**found, "revision": seen},
        name=found["name"],
        summary=visit.told,
        status=200,
    )


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
    context = _context(
        visit,
        registered,
        sections,
        found=found,
        name=found["name"],
        summary="Somebody else has changed it since. Nothing is lost: compare, and save again.",
    )
    return Shown({**context, "conflict": rows}, 409)


def _comparable(one: FormField, value: object) -> object:
    """Return a value for the table of a conflict; secrets are not shown."""
    if value is ABSENT:
        return None
    return "a new secret" if one.widget == "secret" else value


def _context(
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
    prefix = f"{counted(len(faults), 'fault')} – " if faults else ""
    words = registered.path.replace(".", " ")
    title = f"Edit {found['name']}" if found is not None else f"New {words}"
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
        "back": here or list_path(visit, registered.kind),
    }


def _again(
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
    context = _context(
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


def _refused(
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
    return _again(
        visit,
        registered,
        error.errors,
        found=found,
        name=name,
        summary=summary,
        cid=error.cid,
        status=422 if error.errors else error.status,
    )


def _try(
    visit: Visit,
    registered: RegisteredType,
    posted: Posted,
    asked: JsonObject,
    *,
    found: JsonObject | None = None,
    name: str = "",
) -> Shown:
    """Return the form again with what came of a trial of the settings, which stores nothing."""
    faults = dict(posted.faults)
    summary = result = cid = ""
    status = 422
    if not faults:
        try:
            answer = visit.send(registered.service("test"), {**posted.settings, **asked})
            result = str(answer.get("result", "")) or "the settings work"
            status = 200
        except ApiError as error:
            if error.status in (401, 403):
                raise
            faults = error.errors
            summary = "" if faults else str(error)
            cid = error.cid
    sections = posted_sections(registered.schema, visit.form, faults)
    context = _context(
        visit,
        registered,
        sections,
        found=found,
        name=name,
        faults=faults,
        summary=summary,
        result=result,
        cid=cid,
    )
    return Shown(context, status)


def _as_command(
    visit: Visit,
    registered: RegisteredType,
    action: str,
    asked: JsonObject,
    *,
    found: JsonObject | None = None,
) -> Shown:
    """Return the form again with what saving it would be as a command and as a call of the API."""
    schema = registered.schema
    name = str(asked["name"])
    urls = visit.api.destination.urls()
    data = masked_settings(schema, asked)
    same = {
        "command": command_of((*registered.path.split("."), action), name or "NAME", schema, asked),
        "call": call_of(urls[0] if urls else "", registered.service(action), data),
        "is_masked": data != asked,
    }
    shown = _again(visit, registered, {}, found=found, name=name, status=200)
    return Shown({**shown.context, "same": same}, shown.status)


PAGES = (
    Page(
        path="/{kind}/{type}/new",
        title="New definition",
        template="definition_form.html",
        services=(
            "admin.{kind}.{type}.create",
            "admin.{kind}.{type}.test",
            "admin.definition.list",
            "admin.service.packages",
        ),
        calls=3,
        show=show_new,
        act=create,
        again=new_again,
    ),
    Page(
        path="/{kind}/{type}/{name}/edit",
        title="Edit definition",
        template="definition_form.html",
        services=(
            "admin.{kind}.{type}.get",
            "admin.{kind}.{type}.edit",
            "admin.{kind}.{type}.test",
            "admin.definition.list",
            "admin.service.packages",
        ),
        calls=4,
        show=show_edit,
        act=edit,
        again=edit_again,
    ),
)
