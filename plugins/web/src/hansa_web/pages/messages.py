"""Where is message X: its steps on all servers, and the lines of the logs about it; and the logs by
themselves.
"""

from __future__ import annotations

from ..api import JsonObject
from ..language.texts import gettext, gettext_noop
from ..page import Context, Page
from ..visit import Visit

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MOST_LINES = 200


def show_search(visit: Visit) -> Context:
    """Return the form that takes a correlation id; with one, its steps."""
    cid = visit.query.get("cid").strip()
    if not cid:
        return {"cid": "", "found": None, "lines": None}
    return show_message(visit, cid)


def show_message(visit: Visit, cid: str) -> Context:
    """Return the steps of a message, and the lines of the logs about it."""
    panels = visit.panels(
        found=("admin.message.trace", {"cid": cid}),
        lines=("admin.log.read", {"cid": [cid], "limit": MOST_LINES}),
    )
    if panels["found"].error is not None:
        raise panels["found"].error
    found = panels["found"].data
    return {
        "title": gettext("Message %(cid)s", cid=cid),
        "cid": cid,
        "found": found,
        "bars": _bars(found["items"]),
        "lines": panels["lines"].data,
        "error": panels["lines"].error,
    }


def _bars(steps: list[JsonObject]) -> list[tuple[float, float]]:
    """Return begin and length of each step, in thousandths of the time that all of them took."""
    if not steps:
        return []
    since = min(one["began"] for one in steps)
    until = max(one["began"] + one["ms"] / 1000 for one in steps)
    whole = max(until - since, 0.000_001)
    return [
        (round((one["began"] - since) / whole * 1000, 1), round(max(one["ms"] / whole, 3), 1))
        for one in steps
    ]


def show_logs(visit: Visit) -> Context:
    """Return the lines that meet the conditions; nothing is read without one."""
    given = {name: visit.query.get(name).strip() for name in ("level", "logger", "text", "cid")}
    asked: JsonObject = {name: value for name, value in given.items() if value}
    context: Context = {"asked": dict(asked), "levels": LEVELS, "found": None, "groups": None}
    if not asked:
        return context
    if "cid" in asked:
        asked["cid"] = [asked["cid"]]
    if visit.query.get("grouped") == "yes":
        return {**context, "groups": visit.send("admin.log.groups", asked)}
    found = visit.send("admin.log.read", {**asked, "limit": MOST_LINES})
    return {**context, "found": found}


PAGES = (
    Page(
        path="/messages",
        title=gettext_noop("Find a message"),
        template="message.html",
        group="Messages",
        services=("admin.message.trace", "admin.log.read"),
        calls=2,
        show=show_search,
    ),
)
LOG_PAGES = (
    Page(
        path="/logs",
        title=gettext_noop("Logs"),
        template="logs.html",
        group="Watch",
        services=("admin.log.read", "admin.log.groups"),
        show=show_logs,
    ),
)
