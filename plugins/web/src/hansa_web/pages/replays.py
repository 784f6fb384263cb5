"""Replays of failed messages: the list, and each with its tally; paused, resumed and stopped."""

from __future__ import annotations

from ..api import ApiError
from ..language.texts import gettext, gettext_noop
from ..page import Context, Outcome, Page, Redirect
from ..visit import Visit

PAGE_SIZE = 50
ACTIONS = {
    "pause": gettext_noop("The replay is paused."),
    "stop": gettext_noop("The replay is stopped."),
    "resume": gettext_noop("The replay goes on."),
}


def show_list(visit: Visit) -> Context:
    """Return a page of the replays, the latest first."""
    offset = visit.query.number("offset", 0)
    found = visit.call("admin.replay.list", offset=offset, limit=PAGE_SIZE)
    return {"items": found["items"], "total": found["total"], "offset": offset, "size": PAGE_SIZE}


def show_replay(visit: Visit) -> Context:
    """Return one replay."""
    found = visit.call("admin.replay.get", id=visit.parts["id"])
    return {"title": gettext("Replay %(id)s", id=found["id"]), "replay": found}


def steer(visit: Visit) -> Outcome:
    """Pause, resume or stop a replay."""
    identifier = visit.parts["id"]
    action = visit.form.get("action")
    if action not in ACTIONS:
        raise ApiError(
            422,
            {
                "detail": gettext(
                    "%(action)s is none of %(actions)s",
                    action=repr(action),
                    actions=", ".join(ACTIONS),
                )
            },
        )
    visit.call(f"admin.replay.{action}", id=identifier)
    return Redirect(visit.path("replays", identifier), gettext(ACTIONS[action]))


STEERED = ("admin.replay.pause", "admin.replay.resume", "admin.replay.stop")

PAGES = (
    Page(
        path="/replays",
        title=gettext_noop("Replays"),
        template="replays.html",
        group="Messages",
        services=("admin.replay.list",),
        show=show_list,
    ),
    Page(
        path="/replays/{id}",
        title=gettext_noop("Replay"),
        template="replay.html",
        services=("admin.replay.get", *STEERED),
        show=show_replay,
        act=steer,
    ),
)
