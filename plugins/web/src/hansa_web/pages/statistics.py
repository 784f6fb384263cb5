"""Statistics: slowest and most used, by service, channel, outgoing connection or security
definition; the course of one; two spans compared; CSV.
"""

from __future__ import annotations

from ..api import JsonObject
from ..charts import HEIGHT, WIDTH, line
from ..language.texts import gettext, gettext_noop
from ..page import Context, Outcome, Page
from ..tables import csv_file
from ..visit import Visit

BY = ("service", "channel", "outgoing", "security")
SPANS = ("hour", "day", "week", "month", "year")
ORDERS = ("count", "errors", "mean", "p50", "p95", "p99", "max", "time")
COLUMNS = ("count", "errors", "mean", "p50", "p95", "p99", "max", "count_share", "time_share")
STEPS = {"hour": "minute", "day": "minute", "week": "hour", "month": "hour", "year": "day"}
"""The length of each point of a course, by its span."""
PAGE_SIZE = 50


def asked_top(visit: Visit) -> JsonObject:
    """Return what the address asks for; what it does not know is as by default."""
    return {
        "by": visit.query.one_of("by", BY),
        "span": visit.query.one_of("span", SPANS),
        "order": visit.query.one_of("order", ORDERS),
        "text": visit.query.get("filter"),
    }


def show(visit: Visit) -> Context:
    """Return a page of the list, or of the comparison with the span before."""
    asked = asked_top(visit)
    compares = visit.query.get("compare") == "yes"
    offset = visit.query.number("offset", 0)
    service = "admin.statistics.compare" if compares else "admin.statistics.top"
    found = visit.send(service, {**asked, "offset": offset, "limit": PAGE_SIZE})
    return {
        "asked": asked,
        "compares": compares,
        "found": found,
        "offset": offset,
        "size": PAGE_SIZE,
        "choices": {"by": BY, "span": SPANS, "order": ORDERS},
        "query": {
            **asked,
            "filter": asked["text"],
            "text": "",
            "compare": "yes" if compares else "",
        },
    }


def save_as_csv(visit: Visit) -> Outcome:
    """Return the whole list as CSV, in milliseconds."""
    found = visit.send("admin.statistics.top", {**asked_top(visit), "limit": 10_000})
    rows = [[one["name"], *(one[column] for column in COLUMNS)] for one in found["items"]]
    return csv_file("statistics.csv", ("name", *COLUMNS), rows)


def show_course(visit: Visit) -> Context:
    """Return the course of one name."""
    by = visit.query.one_of("by", BY)
    span = visit.query.one_of("span", SPANS)
    name = visit.query.get("name")
    asked = {"by": by, "span": span, "name": name, "step": STEPS[span]}
    found = visit.send("admin.statistics.series", asked)
    points = found["items"]
    lines = [
        line(
            column,
            [(one["at"], one["figures"][column]) for one in points],
            found["since"],
            found["until"],
        )
        for column in ("count", "errors", "mean", "p95")
    ]
    return {
        "title": name or gettext("All together"),
        "by": by,
        "span": span,
        "name": name,
        "spans": SPANS,
        "points": points,
        "lines": lines,
        "width": WIDTH,
        "height": HEIGHT,
    }


PAGES = (
    Page(
        path="/statistics",
        title=gettext_noop("Statistics"),
        template="statistics.html",
        group="Watch",
        services=("admin.statistics.top", "admin.statistics.compare"),
        show=show,
        act=save_as_csv,
    ),
    Page(
        path="/statistics/course",
        title=gettext_noop("Course"),
        template="statistics_course.html",
        services=("admin.statistics.series",),
        show=show_course,
    ),
)
