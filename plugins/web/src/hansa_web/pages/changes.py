"""The history: every revision with who, when and what, what differs, and the way back by a plan."""

from __future__ import annotations

from ..api import ApiError, JsonObject
from ..page import Context, Outcome, Page, Redirect, Shown
from ..visit import Visit

PAGE_SIZE = 50
CONDITIONS = ("kind", "type", "name", "by", "service")


def show(visit: Visit) -> Context:
    """Return one page of the revisions that the filter lets through, the newest first."""
    offset = visit.query.number("offset", 0)
    given = {name: visit.query.get(name) for name in CONDITIONS}
    data: JsonObject = {name: value for name, value in given.items() if value}
    found = visit.send("admin.history.list", {**data, "offset": offset, "limit": PAGE_SIZE})
    return {
        "rows": found["items"],
        "total": found["total"],
        "offset": offset,
        "size": PAGE_SIZE,
        "conditions": data,
    }


def show_revision(visit: Visit) -> Context:
    """Return one revision: settings before and after, and diffs of sources."""
    return _revision(visit, None)


def _revision(visit: Visit, plan: JsonObject | None, *, undo: bool = False) -> Context:
    number = revision_of(visit)
    found = visit.call("admin.history.get", revision=number)
    changes = [{**one, "lines": _lines(one["diff"])} for one in found["changes"]]
    return {
        "title": f"Revision {number}",
        "found": found,
        "changes": changes,
        "plan": plan,
        "undo": undo,
    }


def revision_of(visit: Visit) -> int:
    """Return the number in the path; raises `ApiError` with status 404 for what is none."""
    text = visit.parts["revision"]
    if not text.isdecimal() or len(text) > 12:
        raise ApiError(404, {"title": "Not found", "detail": f"there is no revision {text}"})
    return int(text)


def _lines(diff: str) -> list[tuple[str, str]]:
    """Return the lines of a diff, each with its tone."""
    tones = {"+": "added", "-": "removed"}
    return [(tones.get(line[:1], ""), line) for line in diff.splitlines()]


def revert(visit: Visit) -> Outcome:
    """Show the plan of the way back, or go back as that plan was shown."""
    number = revision_of(visit)
    action = visit.form.get("action")
    undo = visit.form.get("undo") == "yes"
    data: JsonObject = {"revision": number, "undo": undo}
    if action == "plan":
        plan = visit.send("admin.history.revert", {**data, "plan": True})
        return Shown(_revision(visit, plan, undo=undo), status=200)
    data["seen_revision"] = visit.form.number("seen_revision", 0)
    done = visit.send("admin.history.revert", data)
    notice = f"{len(done['changes'])} changes, revision {done['revision']}."
    return Redirect(visit.path("changes"), notice)


PAGES = (
    Page(
        path="/changes",
        title="Changes",
        template="changes.html",
        group="Change",
        services=("admin.history.list",),
        show=show,
    ),
    Page(
        path="/changes/{revision}",
        title="Revision",
        template="change.html",
        services=("admin.history.get", "admin.history.revert"),
        show=show_revision,
        act=revert,
    ),
)
