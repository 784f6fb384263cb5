"""The audit log: who did what, also what was refused."""

from __future__ import annotations

from ..api import JsonObject
from ..language.texts import gettext_noop
from ..page import Context, Page
from ..visit import Visit

PAGE_SIZE = 50
CONDITIONS = ("by", "service", "outcome", "text")


def show(visit: Visit) -> Context:
    """Return one page of the records that the filter lets through, the newest first."""
    offset = visit.query.number("offset", 0)
    given = {name: visit.query.get(name) for name in CONDITIONS}
    data: JsonObject = {name: value for name, value in given.items() if value}
    found = visit.send("admin.audit.list", {**data, "offset": offset, "limit": PAGE_SIZE})
    return {
        "rows": found["items"],
        "total": found["total"],
        "offset": offset,
        "size": PAGE_SIZE,
        "conditions": data,
    }


PAGES = (
    Page(
        path="/audit",
        title=gettext_noop("Audit"),
        template="audit.html",
        group="System",
        services=("admin.audit.list",),
        show=show,
    ),
)
