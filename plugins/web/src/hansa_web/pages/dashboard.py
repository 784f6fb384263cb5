"""The dashboard: what is wrong now, the servers, the queue."""

from __future__ import annotations

from ..page import Context, Page
from ..visit import Visit


def show(visit: Visit) -> Context:
    """Return the state of the cluster."""
    panels = visit.panels(status=("admin.cluster.status", {}))
    return {"panels": panels}


PAGES = (
    Page(
        path="",
        title="Dashboard",
        template="dashboard.html",
        group="Watch",
        services=("admin.cluster.status",),
        show=show,
    ),
)
