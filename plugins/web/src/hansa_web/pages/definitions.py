"""The page of one definition, and its deletion."""

from __future__ import annotations

from collections.abc import Mapping

from ..api import ApiError, JsonObject
from ..catalogue import RegisteredType
from ..forms.fields import EMPTY, field_groups
from ..forms.values import ABSENT, stored_value
from ..language.texts import gettext, gettext_noop
from ..page import Context, Outcome, Page, Redirect, Shown
from ..rendering import pretty
from ..typed import typed_fault
from ..visit import Visit
from .landscape import SERVICE as LANDSCAPE, strip
from .lists import list_path, title_of

REPORTED = ("name", "revision", "builtin", "state", "states", "delivery", "next_run", "last_used")
"""Parts of a definition that are no settings."""
ON_MAP = ("channel", "service", "outgoing", "security")
"""The kinds that a definition is shown with on its map, if it is of one of them."""
ACTIONS = ("ping", "run", "release")
"""What is done with a definition besides changing it."""


def definition_path(visit: Visit, *parts: str) -> str:
    """Return the address of the definition of a visit, or of a page about it."""
    of = visit.parts
    return visit.path(of["kind"], of["type"], of["name"], *parts)


def key_of(visit: Visit) -> dict[str, str]:
    """Return kind, type and name of the definition that the path names."""
    return {part: visit.parts[part] for part in ("kind", "type", "name")}


def settings_of(found: JsonObject) -> JsonObject:
    """Return the settings of a definition as the API shows it."""
    return {key: value for key, value in found.items() if key not in REPORTED}


def show_definition(visit: Visit) -> Context:
    """Return a definition: its state in each worker, its settings, what can be done with it."""
    return detail(visit, None)


def detail(visit: Visit, answer: JsonObject | None) -> Context:
    """Return what the page of a definition shows; `answer` is what came of an action."""
    registered = visit.type
    here = " ".join(key_of(visit).values())
    asked: dict[str, tuple[str, JsonObject]] = {
        "found": (registered.service("get"), {"name": visit.parts["name"]}),
        "relations": ("admin.reference.users", key_of(visit)),
    }
    if registered.kind in ON_MAP:
        around = {"focus": here, "span": "day", "kinds": ON_MAP, "builtin": True}
        asked["around"] = (LANDSCAPE, around)
    panels = visit.panels(**asked)
    if panels["found"].error is not None:
        raise panels["found"].error
    found = panels["found"].data
    around_panel = panels.get("around")
    return {
        "title": found["name"],
        "registered": registered,
        "found": found,
        "groups": _rows(registered, settings_of(found)),
        "relations": panels["relations"],
        "strip": None if around_panel is None else strip(visit, around_panel, here),
        "strip_error": None if around_panel is None else around_panel.fault,
        "map_path": visit.path("map", focus=here, span="day", security="yes"),
        "actions": [one for one in ACTIONS if _offers(visit, registered, found, one)],
        "may_edit": not found["builtin"] and visit.may(registered.service("edit")),
        "may_delete": not found["builtin"] and visit.may(registered.service("delete")),
        "answer": answer,
        "list_title": title_of(registered.kind),
        "list_path": list_path(visit, registered.kind),
        "here": definition_path(visit),
        "command": f"hansa {registered.path.replace('.', ' ')} get {found['name']}",
    }


def _rows(
    registered: RegisteredType, settings: Mapping[str, object]
) -> list[tuple[str, list[tuple[str, object]]]]:
    """Return the settings that are set, by group."""
    groups = []
    for group in field_groups(registered.schema):
        rows = []
        for one in group.fields:
            value = stored_value(settings, one)
            if value is not ABSENT and value not in EMPTY:
                rows.append((one.label, value))
        if rows:
            groups.append((group.title, rows))
    return groups


def _offers(visit: Visit, registered: RegisteredType, found: JsonObject, action: str) -> bool:
    if action == "release" and found["state"] != "quarantined":
        return False
    return action in registered.actions and visit.may(registered.service(action))


def act_on_definition(visit: Visit) -> Outcome:
    """Ping, run or release a definition, and show what came of it."""
    registered = visit.type
    action = visit.form.get("action")
    if action not in ACTIONS or action not in registered.actions:
        raise ApiError(
            422,
            {
                "detail": gettext(
                    "%(path)s has no action %(action)s", path=registered.path, action=action
                )
            },
        )
    answer: JsonObject
    try:
        result = visit.call(registered.service(action), name=visit.parts["name"])
        text = str(result.get("result", "done"))
        if result.get("answer") is not None:
            text += "\n" + pretty(result["answer"])
        answer = {"action": action, "text": text, "is_good": True, "cid": result.get("cid", "")}
    except ApiError as error:
        if error.status in (401, 403):
            raise
        answer = {"action": action, "text": str(error), "is_good": False, "cid": error.cid}
    return Shown(detail(visit, answer), status=200)


def show_deletion(visit: Visit) -> Context:
    """Return what a deletion will touch, and who uses it."""
    registered = visit.type
    visit.require(registered.service("delete"))
    panels = visit.panels(
        found=(registered.service("get"), {"name": visit.parts["name"]}),
        relations=("admin.reference.users", key_of(visit)),
    )
    if panels["found"].error is not None:
        raise panels["found"].error
    found = panels["found"].data
    return {
        "title": gettext("Delete %(name)s", name=found["name"]),
        "registered": registered,
        "found": found,
        "relations": panels["relations"],
        "here": definition_path(visit),
        "is_final": "delete" in registered.final,
        "fault": None,
    }


def delete(visit: Visit) -> Outcome:
    """Delete a definition as it was shown; a refusal is shown with what uses it."""
    registered = visit.type
    name = visit.parts["name"]
    seen = visit.form.number("seen_revision", 0)
    fault = typed_fault(visit, name) if "delete" in registered.final else ""
    if fault:
        error = ApiError(422, {"detail": fault})
        return Shown({**show_deletion(visit), "fault": error}, error.status)
    try:
        done = visit.call(registered.service("delete"), name=name, seen_revision=seen)
    except ApiError as error:
        if error.status in (401, 403, 404):
            raise
        return Shown({**show_deletion(visit), "fault": error}, error.status)
    notice = gettext(
        "%(name)s is deleted, revision %(revision)s.", name=name, revision=done["revision"]
    )
    return Redirect(list_path(visit, registered.kind), notice, done["revision"])


PAGES = (
    Page(
        path="/{kind}/{type}/{name}",
        title=gettext_noop("Definition"),
        template="definition.html",
        services=(
            "admin.{kind}.{type}.get",
            "admin.reference.users",
            "admin.{kind}.{type}.ping",
            "admin.{kind}.{type}.run",
            LANDSCAPE,
        ),
        calls=3,
        show=show_definition,
        act=act_on_definition,
    ),
    Page(
        path="/{kind}/{type}/{name}/delete",
        title=gettext_noop("Delete"),
        template="definition_delete.html",
        services=(
            "admin.{kind}.{type}.get",
            "admin.reference.users",
            "admin.{kind}.{type}.delete",
        ),
        calls=2,
        show=show_deletion,
        act=delete,
    ),
)
