"""The bulletin board: everything that is wrong, and what people have noted about it."""

from __future__ import annotations

from ..language.texts import gettext, gettext_noop
from ..page import Context, Outcome, Page, Redirect
from ..visit import Visit


def show(visit: Visit) -> Context:
    """Return the problems."""
    return {"found": visit.call("admin.problem.list")}


def note(visit: Visit) -> Outcome:
    """Note something about a problem."""
    visit.call("admin.problem.note", id=visit.form.get("id"), text=visit.form.get("text").strip())
    return Redirect(visit.path("problems"), gettext("The note is kept."))


PAGES = (
    Page(
        path="/problems",
        title=gettext_noop("Problems"),
        template="problems.html",
        group="Watch",
        services=("admin.problem.list", "admin.problem.note"),
        show=show,
        act=note,
    ),
)
