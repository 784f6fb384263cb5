"""The queue of asynchronous calls."""

from __future__ import annotations

from ..page import Context, Page
from ..visit import Visit


def show(visit: Visit) -> Context:
    """Return its state."""
    return {"status": visit.call("admin.queue.status")}


PAGES = (
    Page(
        path="/queue",
        title="Queue",
        template="queue.html",
        group="Messages",
        services=("admin.queue.status",),
        show=show,
    ),
)
