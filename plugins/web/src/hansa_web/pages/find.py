"""One box that finds services, definitions, values of settings, types and files."""

from __future__ import annotations

from ..api import JsonObject
from ..language.texts import gettext, gettext_noop
from ..page import Context, Page
from ..visit import Visit

GROUPS = {
    "service": gettext_noop("Services"),
    "definition": gettext_noop("Definitions"),
    "setting": gettext_noop("Settings"),
    "type": gettext_noop("Types"),
    "file": gettext_noop("Files"),
}


def show(visit: Visit) -> Context:
    """Return what was found, by group; nothing is searched without a text."""
    text = visit.query.get("q").strip()
    if not text:
        return {"text": "", "groups": [], "more": []}
    found = visit.send("admin.search", {"text": text[:200]})
    groups = []
    for group, title in GROUPS.items():
        finds = [
            {**one, "path": path_of(visit, one)} for one in found["items"] if one["group"] == group
        ]
        if finds:
            groups.append((gettext(title), finds))
    more = [gettext(GROUPS.get(group, group)) for group in found["more"]]
    return {"text": text, "groups": groups, "more": more}


def path_of(visit: Visit, find: JsonObject) -> str:
    """Return the address of the page of a find."""
    if find["group"] == "service":
        return visit.path("services", find["name"])
    if find["group"] == "file":
        return visit.path("deploy")
    if find["group"] == "type":
        return visit.path(find["kind"], find["type"], "new")
    return visit.path(find["kind"], find["type"], find["name"])


PAGES = (
    Page(
        path="/find",
        title=gettext_noop("Find"),
        template="find.html",
        services=("admin.search",),
        show=show,
    ),
)
