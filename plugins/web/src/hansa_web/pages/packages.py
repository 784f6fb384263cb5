"""Packages: the deployed files and folders, their versions, which imports which, and what serves."""

from __future__ import annotations

from itertools import groupby

from ..language.texts import gettext_noop
from ..page import Context, Page
from ..visit import Visit

MOST_LISTED = 1000
"""Versions that are listed; the filter finds others."""


def show(visit: Visit) -> Context:
    """Return the packages, each with its versions, the newest first."""
    asked = visit.query.get("filter")
    found = visit.call("admin.service.packages", all=True, filter=asked, limit=MOST_LISTED)
    packages = []
    for file, group in groupby(found["items"], key=lambda one: one["file"]):
        versions = sorted(group, key=lambda one: -one["version"])
        serving = [one for one in versions if one["current"]]
        packages.append(
            {
                "file": file,
                "versions": versions,
                "serving": serving[0] if serving else None,
            }
        )
    return {"packages": packages, "asked": asked, "more": found["total"] - len(found["items"])}


PAGES = (
    Page(
        path="/packages",
        title=gettext_noop("Packages"),
        template="packages.html",
        group="Change",
        services=("admin.service.packages",),
        show=show,
    ),
)
