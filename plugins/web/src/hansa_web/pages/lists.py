"""The lists of definitions of a kind, all types together, and what is done with many at once."""

from __future__ import annotations

from functools import partial

from ..api import ApiError, JsonObject
from ..language.texts import counted, gettext, gettext_noop
from ..page import Context, Outcome, Page, Redirect, Shown
from ..visit import Visit

PAGE_SIZE = 50
"""Rows of one page of a list."""
MOST_AT_ONCE = 10_000
"""Definitions that one change has at most."""
TITLES = {
    "channel": gettext_noop("Channels"),
    "outgoing": gettext_noop("Outgoing connections"),
    "security": gettext_noop("Security definitions"),
    "topic": gettext_noop("Topics"),
    "subscription": gettext_noop("Subscriptions"),
    "account": gettext_noop("Accounts"),
    "role": gettext_noop("Roles"),
}
TEACHING = {
    "channel": gettext_noop("A channel brings requests in: it hands what arrives to a service."),
    "outgoing": gettext_noop("An outgoing connection is what services use to call other systems."),
    "security": gettext_noop("A security definition identifies the callers of channels."),
    "topic": gettext_noop("A topic is what services and callers publish messages to."),
    "subscription": gettext_noop(
        "A subscription keeps messages of topics until a service, a system or a caller has them."
    ),
    "account": gettext_noop(
        "An account says which security definition knows a user, and which roles it holds."
    ),
    "role": gettext_noop("A role permits what those may call who hold it."),
}
"""What an empty list says of the kind."""
SHOWN = ("service", "url_path", "address", "host", "url", "username", "roles")
"""Settings of which a row shows those that a definition has."""
FILTERS = ("filter", "type", "state", "service")
STATES = ("unhealthy", "running", "retrying", "failed", "inactive", "quarantined", "elsewhere")
BULK: dict[str, JsonObject] = {
    "switch on": {"mode": "edit", "settings": {"active": True}},
    "switch off": {"mode": "edit", "settings": {"active": False}},
    "delete": {"mode": "delete"},
}
"""What can be done with many definitions, and the edit that does it."""


def title_of(kind: str) -> str:
    """Return the title of the list of a kind."""
    return gettext(TITLES[kind]) if kind in TITLES else kind.capitalize()


def list_path(visit: Visit, kind: str, **query: object) -> str:
    """Return the address of the list of a kind."""
    return visit.path("channels" if kind == "channel" else kind, **query)


def show_list(visit: Visit, kind: str) -> Context:
    """Return one page of the definitions of a kind that the filters let through."""
    types = visit.catalogue.types(visit.access, kind)
    offset = visit.query.number("offset", 0)
    given = {name: visit.query.get(name) for name in FILTERS}
    asked: JsonObject = {name: value for name, value in given.items() if value}
    with_builtin = visit.query.get("builtin") == "yes"
    matching = {**asked, "kind": kind}
    page = {"offset": offset, "limit": PAGE_SIZE, "fields": list(SHOWN), "users": True}
    counted = {"limit": 1, "builtin": not with_builtin}
    panels = visit.panels(
        found=("admin.definition.list", {**matching, **page, "builtin": with_builtin}),
        others=("admin.definition.list", {**matching, **counted}),
    )
    if panels["found"].error is not None:
        raise panels["found"].error
    found = panels["found"].data
    others = panels["others"].data.get("total", found["total"])
    query = {**asked, "builtin": "yes" if with_builtin else ""}
    return {
        "title": title_of(kind),
        "kind": kind,
        "types": types,
        "new_types": [one for one in types if visit.may(one.service("create"))],
        "states": STATES,
        "rows": found["items"],
        "total": found["total"],
        "own_count": min(found["total"], others),
        "builtin_count": abs(found["total"] - others),
        "with_builtin": with_builtin,
        "others_error": panels["others"].fault,
        "offset": offset,
        "size": PAGE_SIZE,
        "asked": asked,
        "bulk": list(BULK) if visit.may("admin.definition.change") else [],
        "teaching": gettext(TEACHING[kind]) if kind in TEACHING else "",
        "here": list_path(visit, kind),
        "next_path": list_path(visit, kind, **query, offset=offset + PAGE_SIZE),
        "previous_path": list_path(visit, kind, **query, offset=max(0, offset - PAGE_SIZE)),
    }


def act_on_many(visit: Visit, kind: str) -> Outcome:
    """Plan what is to be done with many definitions, or do what was planned."""
    action = visit.form.get("action")
    if action not in BULK:
        raise ApiError(422, {"detail": gettext("there is no action %(action)s", action=action)})
    edits = [{**BULK[action], **key} for key in _selected(visit, kind)]
    if not edits:
        return Redirect(list_path(visit, kind), gettext("Nothing was selected."))
    if visit.form.get("planned") != "yes":
        plan = visit.send("admin.definition.change", {"edits": edits, "plan": True})
        context = {
            "title": gettext(
                "%(action)s: %(definitions)s",
                action=gettext(action.capitalize()),
                definitions=counted(len(edits), "%(num)s definition", "%(num)s definitions"),
            ),
            "action": action,
            "plan": plan,
            "selected": [f"{one['type']} {one['name']}" for one in edits],
            "here": list_path(visit, kind),
        }
        return Shown(context, 200, "definitions_plan.html")
    done = visit.send("admin.definition.change", {"edits": edits})
    words = {"action": gettext(action.capitalize()), "count": len(done["changes"])}
    if done["revision"]:
        notice = gettext(
            "%(action)s: %(count)s changed, revision %(revision)s.",
            **words,
            revision=done["revision"],
        )
    else:
        notice = gettext("%(action)s: %(count)s changed.", **words)
    return Redirect(list_path(visit, kind), notice, done["revision"] or 0)


def _selected(visit: Visit, kind: str) -> list[JsonObject]:
    """Return the definitions that a form selects: the ticked ones, or all that match the filters."""
    if visit.form.get("all") == "yes":
        asked = {name: visit.form.get(name) for name in FILTERS if visit.form.get(name)}
        data = {**asked, "kind": kind, "builtin": False, "limit": MOST_AT_ONCE}
        items = visit.send("admin.definition.list", data)["items"]
        return [{"kind": kind, "type": one["type"], "name": one["name"]} for one in items]
    found = []
    for text in visit.form.all("selected"):
        type, _, name = text.partition(" ")
        found.append({"kind": kind, "type": type, "name": name})
    return found


def _list_page(kind: str, path: str, needs: str = "") -> Page:
    return Page(
        path=path,
        title=TITLES[kind],
        template="definitions.html",
        group="System" if kind in ("account", "role") else "Configure",
        services=("admin.definition.list", "admin.definition.change"),
        calls=2,
        needs=needs,
        show=partial(show_list, kind=kind),
        act=partial(act_on_many, kind=kind),
    )


def _kind(visit: Visit) -> str:
    kind = visit.parts["kind"]
    if kind not in visit.catalogue.kinds(visit.access):
        raise ApiError(
            404,
            {
                "title": gettext("Not found"),
                "detail": gettext("there is no page %(kind)s", kind=kind),
            },
        )
    return kind


def _show_any(visit: Visit) -> Context:
    return show_list(visit, _kind(visit))


def _act_on_any(visit: Visit) -> Outcome:
    return act_on_many(visit, _kind(visit))


PAGES = (
    _list_page("channel", "/channels"),
    _list_page("outgoing", "/outgoing"),
    _list_page("security", "/security"),
    _list_page("topic", "/topic", "admin.topic.list"),
    _list_page("subscription", "/subscription", "admin.subscription.list"),
    Page(
        path="/{kind}",
        title=gettext_noop("Definitions"),
        template="definitions.html",
        services=("admin.definition.list", "admin.definition.change"),
        calls=2,
        show=_show_any,
        act=_act_on_any,
    ),
)
ACCOUNT_PAGES = (_list_page("account", "/account"), _list_page("role", "/role"))
