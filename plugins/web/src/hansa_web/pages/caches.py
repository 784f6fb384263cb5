"""The caches that services share, with what they hold and what has been counted."""

from __future__ import annotations

from ..language.texts import gettext_noop
from ..page import Context, Page
from ..visit import Visit


def show(visit: Visit) -> Context:
    """Return the caches; one that has no settings of its own has no definition to lead to."""
    asked = {"kind": "data", "type": "cache", "limit": 1000}
    panels = visit.panels(
        caches=("admin.cache.status", {}), defined=("admin.definition.list", asked)
    )
    if panels["caches"].error is not None:
        raise panels["caches"].error
    return {
        "rows": panels["caches"].data["items"],
        "defined": {one["name"] for one in panels["defined"].data.get("items", [])},
        "fault": panels["defined"].error,
    }


PAGES = (
    Page(
        path="/caches",
        title=gettext_noop("Caches"),
        template="caches.html",
        group="Configure",
        services=("admin.cache.status", "admin.definition.list"),
        calls=2,
        show=show,
    ),
)
