"""Jobs: the channels of the scheduler as a timetable."""

from __future__ import annotations

from ..api import ApiError
from ..page import Context, Outcome, Page, Shown
from ..rendering import pretty
from ..visit import Visit


def show(visit: Visit) -> Context:
    """Return the jobs in the order of their next runs."""
    found = visit.call("admin.channel.schedule.list", filter=visit.query.get("filter"))
    rows = sorted(found["items"], key=lambda one: (one["next_run"] or "~", one["name"]))
    return {"rows": rows, "answer": None}


def run(visit: Visit) -> Outcome:
    """Run a job now, besides its plan."""
    name = visit.form.get("name")
    try:
        done = visit.call("admin.channel.schedule.run", name=name)
        answer = {"name": name, "is_good": True, "text": pretty(done["answer"]), "cid": done["cid"]}
    except ApiError as error:
        if error.status in (401, 403, 404):
            raise
        answer = {"name": name, "is_good": False, "text": str(error), "cid": error.cid}
    return Shown({**show(visit), "answer": answer}, status=200)


PAGES = (
    Page(
        path="/jobs",
        title="Jobs",
        template="jobs.html",
        group="Configure",
        services=("admin.channel.schedule.list", "admin.channel.schedule.run"),
        show=show,
        act=run,
    ),
)
