"""The dashboard: what is wrong now, the figures of the last hour, servers, queue, last changes."""

from __future__ import annotations

from ..language.texts import gettext_noop
from ..page import Context, Page
from ..recent import KEPT_LONG
from ..visit import Visit

CHANGES = 10
"""Revisions that are shown."""


def show(visit: Visit) -> Context:
    """Return the state of the cluster; what no plugin provides, or the user may not see, is left
    out.
    """
    panels = visit.panels(
        status=("admin.cluster.status", {}),
        problems=("admin.problem.list", {}),
        figures=("admin.statistics.summary", {"span": "hour"}, KEPT_LONG),
        changes=("admin.history.list", {"limit": CHANGES}, KEPT_LONG),
    )
    missing = {name for name, one in panels.items() if one.is_missing}
    return {"panels": panels, "missing": missing}


PAGES = (
    Page(
        path="",
        title=gettext_noop("Dashboard"),
        template="dashboard.html",
        group="Watch",
        services=(
            "admin.cluster.status",
            "admin.problem.list",
            "admin.statistics.summary",
            "admin.history.list",
        ),
        calls=4,
        show=show,
    ),
)
