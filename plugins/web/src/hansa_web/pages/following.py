"""What the module of a page follows: which workers have applied a change, and whether somebody else
changes what one edits. Without a script they are pages of their own.
"""

from __future__ import annotations

from ..api import JsonObject
from ..language.texts import gettext, gettext_noop
from ..page import Context, Page
from ..visit import Visit, whole_number
from .definitions import definition_path, key_of


def show_applied(visit: Visit) -> Context:
    """Return which workers have applied a revision, and which lag behind, and why."""
    revision = whole_number(visit.parts["revision"]) or 0
    status = visit.call("admin.cluster.status")
    workers: list[JsonObject] = status["workers"]
    return {
        "title": gettext("Revision %(revision)s", revision=revision),
        "revision": revision,
        "workers": workers,
        "applied": [one for one in workers if one["revision"] >= revision],
        "lagging": [one for one in workers if one["revision"] < revision],
        "servers": {one["name"]: one["state"] for one in status["servers"]},
        "unknown": status["unknown"],
    }


def show_changed(visit: Visit) -> Context:
    """Return who has changed a definition since the revision that its form was shown for."""
    seen = visit.query.number("seen", 0)
    found = visit.send("admin.history.list", {**key_of(visit), "limit": 1})
    newer = [one for one in found["items"] if one["revision"] > seen]
    return {
        "title": visit.parts["name"],
        "newer": newer[0] if newer else None,
        "here": definition_path(visit),
    }


PAGES = (
    Page(
        path="/applied/{revision}",
        title=gettext_noop("Applied"),
        template="applied.html",
        services=("admin.cluster.status",),
        show=show_applied,
    ),
    Page(
        path="/{kind}/{type}/{name}/changed",
        title=gettext_noop("Changed meanwhile"),
        template="changed.html",
        services=("admin.history.list",),
        show=show_changed,
    ),
)
