"""The forms that create and edit definitions, derived from the schema of their type."""

from __future__ import annotations

from ..api import ApiError
from ..forms.fields import fields_of
from ..forms.rows import with_rows
from ..forms.sections import stored_sections
from ..forms.values import posted_settings
from ..language.texts import gettext, gettext_noop
from ..page import Context, Outcome, Page, Redirect, Shown
from ..visit import Visit
from .definition_form import again, conflict, form_context, form_key, refused, remember
from .definition_trials import try_form
from .definitions import definition_path, settings_of
from .opening import back_with, open_new


def show_new(visit: Visit) -> Context:
    """Return the empty form of a type, with settings that the address gives."""
    registered = visit.type
    visit.require(registered.service("create"))
    given = {
        name: visit.query.get(name) for name in registered.schema.properties if name in visit.query
    }
    sections = stored_sections(registered.schema, given)
    return form_context(visit, registered, sections, name=visit.query.get("name"))


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
        return again(visit, registered, {}, name=name, status=200)
    posted = posted_settings(fields_of(registered.schema), visit.form, {})
    tried = try_form(visit, registered, posted, {"name": name}, name=name)
    if tried is not None:
        return tried
    if posted.faults:
        return again(visit, registered, posted.faults, name=name)
    try:
        answer = visit.send(registered.service("create"), {**posted.settings, "name": name})
    except ApiError as error:
        return refused(visit, registered, error, name=name)
    path = visit.path(registered.kind, registered.type, name)
    notice = gettext(
        "%(name)s is created, revision %(revision)s: %(state)s.",
        name=name,
        revision=answer["revision"],
        state=answer.get("state", ""),
    )
    generated = answer.get("generated") or {}
    secret = "\n".join(f"{key}: {value}" for key, value in generated.items())
    if secret:
        notice += " " + gettext("What was generated is shown this once:")
    return back_with(visit, name, Redirect(path, notice, answer["revision"], secret))


def show_edit(visit: Visit) -> Context:
    """Return the form with the settings of a definition; secrets are never filled in."""
    registered = visit.type
    visit.require(registered.service("edit"))
    found = visit.call(registered.service("get"), name=visit.parts["name"])
    remember(visit, found)
    sections = stored_sections(registered.schema, settings_of(found))
    return form_context(visit, registered, sections, found=found, name=found["name"])


def edit(visit: Visit) -> Outcome:
    """Change the settings that somebody has touched, unless the definition was changed since."""
    registered = visit.type
    name = visit.parts["name"]
    found = visit.call(registered.service("get"), name=name)
    seen = visit.form.number("seen_revision", 0)
    seen_one = {**found, "revision": seen}
    opened = open_new(visit, name, "edit")
    if opened is not None:
        return opened
    rows = with_rows(visit.form)
    if rows is not None:
        visit.form = rows
        return again(visit, registered, {}, found=seen_one, name=name, status=200)
    before = visit.session.seen.get(form_key(visit, seen), settings_of(found))
    posted = posted_settings(fields_of(registered.schema), visit.form, before)
    asked = {"name": name, "seen_revision": seen}
    tried = try_form(visit, registered, posted, asked, found=seen_one, name=name)
    if tried is not None:
        return tried
    if posted.faults:
        return again(visit, registered, posted.faults, found=found, name=name)
    here = definition_path(visit)
    if not posted.settings:
        return Redirect(here, gettext("Nothing was changed."))
    if seen != found["revision"]:
        return conflict(visit, registered, found, before, posted)
    try:
        answer = visit.send(registered.service("edit"), {**asked, **posted.settings})
    except ApiError as error:
        return refused(visit, registered, error, found=found, name=name)
    notice = gettext(
        "%(name)s is changed, revision %(revision)s: %(state)s.",
        name=name,
        revision=answer["revision"],
        state=answer.get("state", ""),
    )
    return Redirect(here, notice, answer["revision"])


def new_again(visit: Visit) -> Shown:
    """Return the form of a new definition with what was entered before it was kept."""
    registered = visit.type
    visit.require(registered.service("create"))
    name = visit.form.get("name").strip()
    return again(visit, registered, {}, name=name, summary=visit.told, status=200)


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
    return again(
        visit,
        registered,
        {},
        found={**found, "revision": seen},
        name=found["name"],
        summary=visit.told,
        status=200,
    )


PAGES = (
    Page(
        path="/{kind}/{type}/new",
        title=gettext_noop("New definition"),
        template="definition_form.html",
        services=(
            "admin.{kind}.{type}.create",
            "admin.{kind}.{type}.test",
            "admin.{kind}.{type}.preview",
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
        title=gettext_noop("Edit definition"),
        template="definition_form.html",
        services=(
            "admin.{kind}.{type}.get",
            "admin.{kind}.{type}.edit",
            "admin.{kind}.{type}.test",
            "admin.{kind}.{type}.preview",
            "admin.definition.list",
            "admin.service.packages",
        ),
        calls=4,
        show=show_edit,
        act=edit,
        again=edit_again,
    ),
)
