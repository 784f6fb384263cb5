"""Jobs: the channels of the scheduler as a timetable, with what they have run and will run."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from ..api import ApiError, JsonObject
from ..language.texts import gettext, gettext_noop
from ..page import Context, Outcome, Page, Redirect, Shown
from ..rendering import pretty
from ..visit import Visit, whole_number

GOOD = ("ok", "●", "good")
MISSED = ("missed", "○", "warn")
FAILED = ("failed", "■", "bad")
MARKS = (GOOD, MISSED, FAILED)
"""What became of a run: a word, a shape, and its tone."""
SHOWN = 20
"""Runs of a job in the timetable."""
NEXT = 10
"""Planned runs on the page of a job."""
MOST_LISTED = 1000
"""Jobs of the timetable; it says how many are left out."""
PREVIEWED = ("cron", "timezone", "start", "weeks", "days", "hours", "minutes", "seconds")
"""Settings that can be tried on the page of a job, without a change."""


def show(visit: Visit) -> Context:
    """Return the jobs in the order of their next runs."""
    panels = visit.panels(
        jobs=(
            "admin.channel.schedule.list",
            {"filter": visit.query.get("filter"), "limit": MOST_LISTED},
        ),
        runs=("admin.job.runs", {"runs": SHOWN, "limit": MOST_LISTED}),
    )
    if panels["jobs"].error is not None:
        raise panels["jobs"].error
    runs = {one["name"]: one["runs"] for one in panels["runs"].data.get("items", [])}
    jobs = panels["jobs"].data["items"]
    rows = sorted(jobs, key=lambda one: (one["next_run"] or "~", one["name"]))
    return {
        "rows": [(one, *_summary(runs.get(one["name"], []))) for one in rows],
        "more": panels["jobs"].data["total"] - len(jobs),
        "runs_error": panels["runs"].error,
        "answer": None,
    }


def mark_of(run: JsonObject) -> tuple[str, str, str]:
    """Return the word, the shape and the tone of what became of a run."""
    if run["outcome"] == "ok":
        return GOOD
    return MISSED if run["outcome"] == "missed" else FAILED


def _summary(
    runs: list[JsonObject],
) -> tuple[JsonObject | None, list[tuple[str, str]], str]:
    """Return the last run, marks of all runs as (tone, shapes), the oldest first, and the same in
    words.
    """
    marks = [mark_of(run) for run in reversed(runs)]
    shapes = [
        (tone, "".join(shape for _, shape, _ in group))
        for tone, group in groupby(marks, key=lambda mark: mark[2])
    ]
    return (runs[0] if runs else None), shapes, _counted(marks)


def _counted(marks: Iterable[tuple[str, str, str]]) -> str:
    found = [word for word, _, _ in marks]
    return ", ".join(
        gettext("%(count)s %(outcome)s", count=found.count(word), outcome=word)
        for word, _, _ in MARKS
        if word in found
    )


def act(visit: Visit) -> Outcome:
    """Run a job now, besides its plan, or switch it off or on."""
    name = visit.form.get("name")
    action = visit.form.get("action")
    if action in ("off", "on"):
        settings = {"name": name, "active": action == "on"}
        done = visit.send("admin.channel.schedule.edit", settings)
        if action == "off":
            text = gettext_noop("%(name)s is switched off, revision %(revision)s.")
        else:
            text = gettext_noop("%(name)s is switched on, revision %(revision)s.")
        notice = gettext(text, name=name, revision=done["revision"])
        return Redirect(visit.path("jobs"), notice, done["revision"])
    try:
        done = visit.call("admin.channel.schedule.run", name=name)
        answer = {"name": name, "is_good": True, "text": pretty(done["answer"]), "cid": done["cid"]}
    except ApiError as error:
        if error.status in (401, 403, 404):
            raise
        answer = {"name": name, "is_good": False, "text": str(error), "cid": error.cid}
    return Shown({**show(visit), "answer": answer}, status=200)


def show_job(visit: Visit) -> Context:
    """Return one job: its last runs, and its next ones, by its settings or by others that the
    address has.
    """
    name = visit.parts["name"]
    tried: dict[str, object] = {}
    for setting in PREVIEWED:
        text = visit.query.get(setting)
        if text:
            number = whole_number(text)
            tried[setting] = text if number is None else number
    panels = visit.panels(
        runs=("admin.job.runs", {"name": name}),
        settings=("admin.channel.schedule.get", {"name": name}),
        planned=("admin.channel.schedule.preview", {"name": name, "count": NEXT, **tried}),
    )
    if panels["settings"].error is not None:
        raise panels["settings"].error
    runs = panels["runs"].data["items"]
    job = panels["settings"].data
    return {
        "title": gettext("Job %(name)s", name=name),
        "found": job,
        "runs": [(run, *mark_of(run)) for run in (runs[0]["runs"] if runs else [])],
        "runs_error": panels["runs"].error,
        "planned": panels["planned"],
        "fields": PREVIEWED[:2] if job["job_type"] == "cron" else PREVIEWED[2:],
        "tried": tried,
    }


PAGES = (
    Page(
        path="/jobs",
        title=gettext_noop("Jobs"),
        template="jobs.html",
        group="Configure",
        services=(
            "admin.channel.schedule.list",
            "admin.job.runs",
            "admin.channel.schedule.run",
            "admin.channel.schedule.edit",
        ),
        calls=2,
        show=show,
        act=act,
    ),
    Page(
        path="/jobs/{name}",
        title=gettext_noop("Job"),
        template="job.html",
        services=(
            "admin.channel.schedule.get",
            "admin.channel.schedule.preview",
            "admin.job.runs",
        ),
        calls=3,
        show=show_job,
    ),
)
