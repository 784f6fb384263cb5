"""The lists of definitions of a kind, all types together, and the page of one definition."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..api import ApiError, JsonObject
from ..catalogue import RegisteredType
from ..forms.fields import field_groups
from ..forms.values import ABSENT, stored_value
from ..page import Context, Outcome, Page, Redirect, Shown
from ..rendering import pretty
from ..visit import Visit

PAGE_SIZE = 50
"""Rows of one page of a list."""
TITLES = {
    "channel": "Channels",
    "outgoing": "Outgoing connections",
    "security": "Security definitions",
}
TEACHING = {
    "channel": "A channel brings requests in: it hands what arrives to a service.",
    "outgoing": "An outgoing connection is what services use to call other systems.",
    "security": "A security definition identifies the callers of channels.",
}
"""What an empty list says of the kind."""
REPORTED = ("name", "revision", "builtin", "state", "states", "delivery", "next_run", "last_used")
"""Parts of a definition that are no settings."""


def show_list(visit: Visit, kind: str) -> Context:
    """Return one page of the definitions of a kind that the filters let through."""
    types = visit.catalogue.types(visit.access, kind)
    text = visit.query.get("filter")
    types = [one for one in types if visit.may(one.service("list"))]
    wanted = [one for one in types if visit.query.get("type") in ("", one.type)]
    asked = {one.type: (one.service("list"), {"filter": text}) for one in wanted}
    panels = visit.panels(**asked)
    state = visit.query.get("state")
    rows = [
        {"type": type, **item}
        for type, panel in panels.items()
        for item in panel.data.get("items", ())
        if state in ("", item["state"])
    ]
    rows.sort(key=lambda row: (row["name"], row["type"]))
    offset = visit.query.number("offset", 0)
    return {
        "title": TITLES.get(kind, kind.capitalize()),
        "kind": kind,
        "types": types,
        "new_types": [one for one in types if visit.may(one.service("create"))],
        "rows": rows[offset : offset + PAGE_SIZE],
        "total": len(rows),
        "offset": offset,
        "size": PAGE_SIZE,
        "is_filtered": bool(text or state or visit.query.get("type")),
        "errors": [panel.error for panel in panels.values() if panel.error],
        "teaching": TEACHING.get(kind, ""),
        "list_path": list_path(visit, kind),
    }


def list_path(visit: Visit, kind: str) -> str:
    """Return the address of the list of a kind."""
    return visit.path("channels" if kind == "channel" else kind)


def definition_path(visit: Visit, *parts: str) -> str:
    """Return the address of the definition of a visit, or of a page about it."""
    of = visit.parts
    return visit.path(of["kind"], of["type"], of["name"], *parts)


def show_definition(visit: Visit) -> Context:
    """Return a definition: its state in each worker, its settings, what can be done with it."""
    registered = visit.type
    found = visit.call(registered.service("get"), name=visit.parts["name"])
    return detail(visit, registered, found)


def detail(
    visit: Visit, registered: RegisteredType, found: JsonObject, answer: JsonObject | None = None
) -> Context:
    """Return what the page of a definition shows; `answer` is what came of an action."""
    settings = {key: value for key, value in found.items() if key not in REPORTED}
    return {
        "title": found["name"],
        "registered": registered,
        "found": found,
        "groups": _rows(registered, settings),
        "actions": [
            one
            for one in ("ping", "run", "release")
            if _offers(registered, found, one) and visit.may(registered.service(one))
        ],
        "may_edit": not found["builtin"] and visit.may(registered.service("edit")),
        "may_delete": not found["builtin"] and visit.may(registered.service("delete")),
        "answer": answer,
        "list_title": TITLES.get(registered.kind, registered.kind.capitalize()),
        "list_path": list_path(visit, registered.kind),
        "here": definition_path(visit),
        "command": command_of(registered, found["name"]),
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
            if value is not ABSENT and value not in (None, "", [], {}):
                rows.append((one.label, value))
        if rows:
            groups.append((group.title, rows))
    return groups


def _offers(registered: RegisteredType, found: JsonObject, action: str) -> bool:
    if action == "release" and found["state"] != "quarantined":
        return False
    return action in registered.actions


def command_of(registered: RegisteredType, name: str) -> str:
    """Return the command that shows the same."""
    words = registered.path.replace(".", " ")
    return f"hansa {words} get {name}"


def act_on_definition(visit: Visit) -> Outcome:
    """Ping, run or release a definition, and show what came of it."""
    registered = visit.type
    action = visit.form.get("action")
    if action not in ("ping", "run", "release") or action not in registered.actions:
        raise ApiError(422, {"detail": f"{registered.path} has no action {action}"})
    name = visit.parts["name"]
    answer: JsonObject
    try:
        result = visit.call(registered.service(action), name=name)
        text = str(result.get("result", "done"))
        if result.get("answer") is not None:
            text += "\n" + pretty(result["answer"])
        answer = {"action": action, "text": text, "is_good": True, "cid": result.get("cid", "")}
    except ApiError as error:
        answer = {"action": action, "text": str(error), "is_good": False, "cid": error.cid}
    found = visit.call(registered.service("get"), name=name)
    return Shown(detail(visit, registered, found, answer), status=200)


def show_deletion(visit: Visit) -> Context:
    """Return what a deletion will touch."""
    registered = visit.type
    found = visit.call(registered.service("get"), name=visit.parts["name"])
    return {
        "title": f"Delete {found['name']}",
        "registered": registered,
        "found": found,
        "here": definition_path(visit),
        "fault": None,
    }


def delete(visit: Visit) -> Outcome:
    """Delete a definition as it was shown; a refusal is shown with what uses it."""
    registered = visit.type
    name = visit.parts["name"]
    try:
        visit.send(
            registered.service("delete"),
            {"name": name, "seen_revision": visit.form.number("seen_revision", 0)},
        )
    except ApiError as error:
        if error.status in (401, 403, 404):
            raise
        context = show_deletion(visit)
        return Shown({**context, "fault": error}, status=error.status)
    return Redirect(list_path(visit, registered.kind), f"{name} is deleted.")


def _list_page(kind: str, path: str) -> Page:
    return Page(
        path=path,
        title=TITLES[kind],
        template="definitions.html",
        group="Configure",
        services=(f"admin.{kind}.*.list",),
        calls=40,
        show=partial(show_list, kind=kind),
    )


def _show_kind(visit: Visit) -> Context:
    kind = visit.parts["kind"]
    if kind not in visit.catalogue.kinds(visit.access):
        raise ApiError(404, {"title": "Not found", "detail": f"there is no page {kind}"})
    return show_list(visit, kind)


PAGES = (
    _list_page("channel", "/channels"),
    _list_page("outgoing", "/outgoing"),
    _list_page("security", "/security"),
    Page(
        path="/{kind}",
        title="Definitions",
        template="definitions.html",
        services=("admin.{kind}.*.list",),
        calls=40,
        show=_show_kind,
    ),
    Page(
        path="/{kind}/{type}/{name}",
        title="Definition",
        template="definition.html",
        services=("admin.{kind}.{type}.get", "admin.{kind}.{type}.ping", "admin.{kind}.{type}.run"),
        show=show_definition,
        act=act_on_definition,
    ),
    Page(
        path="/{kind}/{type}/{name}/delete",
        title="Delete",
        template="definition_delete.html",
        services=("admin.{kind}.{type}.get", "admin.{kind}.{type}.delete"),
        show=show_deletion,
        act=delete,
    ),
)
