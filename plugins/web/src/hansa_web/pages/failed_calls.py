"""Failed calls: synchronous calls that failed, of which samples are kept, in groups by cause, each with
the way to its time line and to the invoker with the same input.
"""

from __future__ import annotations

from ..language.texts import gettext, gettext_noop
from ..page import Context, Page
from ..view import current_view
from ..visit import Visit
from .failed import conditions

PAGE_SIZE = 50
FAILURES = "admin.sample.failures"
CONDITIONS = ("service", "cause", "since", "until")


def show_groups(visit: Visit) -> Context:
    """Return the groups of the failures that the filter lets through, and of which services failures
    are kept.
    """
    given = {name: visit.query.get(name).strip() for name in CONDITIONS}
    given = {name: value for name, value in given.items() if value}
    offset = visit.query.number("offset", 0)
    asked = {**conditions(given), "offset": offset, "limit": PAGE_SIZE}
    panels = visit.panels(found=(FAILURES, asked), settings=("admin.sample.settings", {}))
    found = panels["found"]
    if found.fault is not None:
        raise found.fault
    samplings = panels["settings"].data.get("items", [])
    return {
        "is_installed": found.error is None,
        "groups": found.data["items"],
        "total": found.data.get("total", 0),
        "samples": found.data.get("samples", 0),
        "sampled": [one["service"] for one in samplings if one["active"] and one["errors"]],
        "settings": panels["settings"],
        "conditions": given,
        "zone": current_view().zone,
        "offset": offset,
        "size": PAGE_SIZE,
    }


def show_group(visit: Visit) -> Context:
    """Return a page of the samples of one group."""
    group = visit.parts["group"]
    offset = visit.query.number("offset", 0)
    found = visit.send("admin.sample.list", {"group": group, "offset": offset, "limit": PAGE_SIZE})
    items = found["items"]
    return {
        "title": items[0]["cause"] or items[0]["outcome"] if items else gettext("Nothing is left"),
        "service": items[0]["service"] if items else "",
        "group": group,
        "items": items,
        "total": found["total"],
        "offset": offset,
        "size": PAGE_SIZE,
    }


PAGES = (
    Page(
        path="/failed/calls",
        title=gettext_noop("Failed calls"),
        template="failed_calls.html",
        services=(FAILURES, "admin.sample.settings"),
        calls=2,
        show=show_groups,
    ),
    Page(
        path="/failed/calls/{group}",
        title=gettext_noop("Failed calls of a group"),
        template="failed_calls_group.html",
        services=("admin.sample.list",),
        show=show_group,
    ),
)
