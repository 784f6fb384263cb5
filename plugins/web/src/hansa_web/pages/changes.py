"""The history: every revision with who, when and what, what differs, and the way back by a plan."""

from __future__ import annotations

from ..api import ApiError, JsonObject
from ..language.texts import gettext, gettext_noop, ngettext
from ..page import Context, Outcome, Page, Redirect, Shown
from ..visit import Form, Visit, whole_number
from .services import toned

PAGE_SIZE = 50
CONDITIONS = ("kind", "type", "name", "by", "service")


def show_list(visit: Visit) -> Context:
    """Return a page of the revisions that fit the filter, the newest first."""
    offset = visit.query.number("offset", 0)
    given = {name: visit.query.get(name) for name in CONDITIONS}
    conditions = {name: value for name, value in given.items() if value}
    found = visit.send("admin.history.list", {**conditions, "offset": offset, "limit": PAGE_SIZE})
    return {
        "rows": found["items"],
        "total": found["total"],
        "first": found["first"],
        "offset": offset,
        "size": PAGE_SIZE,
        "conditions": conditions,
    }


def show_revision(visit: Visit) -> Context:
    """Return one revision: settings before and after, and diffs of sources."""
    offset = visit.query.number("offset", 0)
    revision = _revision(visit)
    found = visit.call("admin.history.get", revision=revision, offset=offset, limit=PAGE_SIZE)
    return {
        "title": gettext("Revision %(revision)s", revision=revision),
        "found": found,
        "changes": [
            (one, toned(one["diff"].splitlines()), is_state(one)) for one in found["changes"]
        ],
        "offset": offset,
        "size": PAGE_SIZE,
        "here": visit.path("changes", str(revision)),
        "may_revert": visit.may("admin.history.revert"),
    }


def is_state(change: JsonObject) -> bool:
    """Whether a change is one of a definition or a file, which can go back; events cannot."""
    return change["action"] in ("define", "delete", "deploy", "rollback")


def show_plan(visit: Visit) -> Context:
    """Return what going back would change, or all that speaks against it."""
    return _planned(visit, visit.query)


def _planned(visit: Visit, given: Form, error: ApiError | None = None) -> Context:
    asked = _asked(visit, given)
    plan: JsonObject | None = None
    try:
        plan = visit.send("admin.history.revert", {**asked, "plan": True})
    except ApiError as refused:
        if refused.status not in (400, 409):
            raise
        error = error or refused
    title = gettext("Take back revision %(revision)s", revision=asked["revision"])
    if not asked["undo"]:
        title = gettext("Go back to revision %(revision)s", revision=asked["revision"])
    return {
        "title": title,
        "asked": asked,
        "plan": plan,
        "error": error,
        "here": visit.path("changes", str(asked["revision"])),
    }


def _asked(visit: Visit, given: Form) -> JsonObject:
    """Return the input of the reversion that a query or a form asks for."""
    subjects = []
    if given.get("name"):
        subjects.append({part: given.get(part) for part in ("kind", "type", "name")})
    return {
        "revision": _revision(visit),
        "undo": given.get("undo") == "yes",
        "subjects": subjects,
    }


def _revision(visit: Visit) -> int:
    """Return the revision that the path names; raises `ApiError` for what is no number."""
    text = visit.parts["revision"]
    revision = whole_number(text)
    if revision is None:
        raise ApiError(
            404,
            {
                "title": gettext("Not found"),
                "detail": gettext("there is no revision %(text)s", text=text),
            },
        )
    return revision


def revert(visit: Visit) -> Outcome:
    """Go back as the plan has shown it; if something was changed since, it is planned anew."""
    asked = _asked(visit, visit.form)
    seen = visit.form.number("seen_revision", 0)
    try:
        done = visit.send("admin.history.revert", {**asked, "seen_revision": seen})
    except ApiError as error:
        if error.status not in (400, 409):
            raise
        return Shown(_planned(visit, visit.form, error), error.status)
    if done["revision"] is None:
        return Redirect(
            visit.path("changes"), gettext("Everything is so already: nothing was changed.")
        )
    here = visit.path("changes", str(done["revision"]))
    return Redirect(here, _notice(done), done["revision"])


def _notice(done: JsonObject) -> str:
    workers = len(done["applied"]) + len(done["pending"])
    notice = ngettext(
        "Reverted, revision %(revision)s, applied by %(applied)s of %(num)s worker.",
        "Reverted, revision %(revision)s, applied by %(applied)s of %(num)s workers.",
        workers,
        revision=done["revision"],
        applied=len(done["applied"]),
    )
    for one in done["not_running"]:
        what = f"{one['kind']} {one['type']} {one['name']}"
        notice += " " + gettext("%(what)s is %(state)s.", what=what, state=one["state"])
    return notice


PAGES = (
    Page(
        path="/changes",
        title=gettext_noop("Changes"),
        template="changes.html",
        group="Change",
        services=("admin.history.list",),
        show=show_list,
    ),
    Page(
        path="/changes/{revision}",
        title=gettext_noop("Revision"),
        template="change.html",
        services=("admin.history.get",),
        show=show_revision,
    ),
    Page(
        path="/changes/{revision}/revert",
        title=gettext_noop("Go back"),
        template="change_revert.html",
        services=("admin.history.revert",),
        show=show_plan,
        act=revert,
    ),
)
