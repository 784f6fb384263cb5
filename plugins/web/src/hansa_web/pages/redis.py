"""Redis commands by hand: those that read, and, for administrators, those that write."""

from __future__ import annotations

from ..api import ApiError, JsonObject
from ..language.texts import gettext_noop
from ..page import Context, Outcome, Page, Shown
from ..typed import typed_fault
from ..visit import Visit

EXAMPLES = ("INFO server", "DBSIZE", "SCAN 0 MATCH *", "TYPE key", "GET key", "LRANGE key 0 9")


def show(visit: Visit) -> Context:
    """Return the form."""
    return _context(visit, command=visit.query.get("command"))


def _context(
    visit: Visit,
    *,
    command: str = "",
    outgoing: str = "",
    writes: bool = False,
    answer: JsonObject | None = None,
    error: ApiError | None = None,
) -> Context:
    asked = {"kind": "outgoing", "type": "redis", "limit": 1000}
    connections = visit.panels(found=("admin.definition.list", asked))["found"]
    return {
        "connections": [one["name"] for one in connections.data.get("items", [])],
        "connections_error": connections.fault,
        "command": command,
        "outgoing": outgoing,
        "writes": writes,
        "answer": answer,
        "error": error,
        "examples": EXAMPLES,
    }


def run(visit: Visit) -> Outcome:
    """Run a command; one that writes is asked for by its own button."""
    command = visit.form.get("command").strip()
    outgoing = visit.form.get("outgoing")
    writes = visit.form.get("action") == "write"
    fault = typed_fault(visit, visit.cluster) if writes else ""
    try:
        if fault:
            raise ApiError(422, {"detail": fault})
        service = "admin.redis.write" if writes else "admin.redis.command"
        answer = visit.send(service, {"command": command, "outgoing": outgoing})
    except ApiError as error:
        if error.status in (401, 403):
            raise
        found = _context(visit, command=command, outgoing=outgoing, writes=writes, error=error)
        return Shown(found)
    found = _context(visit, command=command, outgoing=outgoing, writes=writes, answer=answer)
    return Shown(found, status=200)


PAGES = (
    Page(
        path="/redis",
        title=gettext_noop("Redis"),
        template="redis.html",
        group="System",
        services=("admin.redis.command", "admin.redis.write", "admin.definition.list"),
        show=show,
        act=run,
    ),
)
