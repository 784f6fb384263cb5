"""The queue of asynchronous calls: its state, and the calls in it."""

from __future__ import annotations

from ..language.texts import gettext_noop
from ..page import Context, Page
from ..visit import Visit

PAGE_SIZE = 50
STATES = ("waiting", "running", "delayed")
CONDITIONS = ("state", "service", "cid")


def show(visit: Visit) -> Context:
    """Return its state, and a page of its calls."""
    offset = visit.query.number("offset", 0)
    given = {name: visit.query.get(name).strip() for name in CONDITIONS}
    conditions = {name: value for name, value in given.items() if value}
    if conditions.get("state", STATES[0]) not in STATES:
        del conditions["state"]
    asked = {**conditions, "offset": offset, "limit": PAGE_SIZE}
    panels = visit.panels(
        status=("admin.queue.status", {}),
        calls=("admin.queue.list", asked),
    )
    if panels["status"].error is not None:
        raise panels["status"].error
    return {
        "status": panels["status"].data,
        "waiting": panels["calls"],
        "conditions": conditions,
        "states": STATES,
        "offset": offset,
        "size": PAGE_SIZE,
    }


PAGES = (
    Page(
        path="/queue",
        title=gettext_noop("Queue"),
        template="queue.html",
        group="Messages",
        services=("admin.queue.status", "admin.queue.list"),
        calls=2,
        show=show,
    ),
)
