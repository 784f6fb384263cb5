"""The configuration of this cluster beside that of another one: what differs, by object and setting."""

from __future__ import annotations

import secrets

from ..api import ApiError, JsonObject
from ..language.texts import gettext_noop
from ..page import Context, Page
from ..visit import Visit
from .services import toned

PAGE_SIZE = 50
COMPARE = "admin.config.compare"
DESCRIBE = "admin.config.describe"
RESULTS = {
    "differs": gettext_noop("differs"),
    "only_here": gettext_noop("only here"),
    "only_there": gettext_noop("only there"),
    "unknown": gettext_noop("cannot be told"),
}
"""The results of a comparison, in words."""


def show(visit: Visit) -> Context:
    """Return what differs from the cluster that the address names, or the form that asks for one."""
    others = {name: api.appearance.label for name, api in sorted(visit.others.items())}
    other = visit.query.get("with")
    result = visit.query.get("result")
    query = {
        "with": other,
        "services": "yes" if visit.query.get("services") == "yes" else "",
        "result": result if result in RESULTS else "",
        "filter": visit.query.get("filter"),
    }
    context: Context = {
        "others": others,
        "other": other,
        "query": query,
        "results": RESULTS,
        "offset": visit.query.number("offset", 0),
        "size": PAGE_SIZE,
        "found": None,
        "rows": [],
        "needs_login": False,
        "error": None,
    }
    if not other:
        return context
    asked: JsonObject = {"salt": secrets.token_hex(32), "services": bool(query["services"])}
    try:
        described = visit.call_other(other, DESCRIBE, **asked)
    except ApiError as error:
        if error.status == 404 and other not in others:
            raise
        # of the other cluster: the session of this one goes on
        return {**context, "needs_login": error.status == 401, "error": error}
    found = visit.send(
        COMPARE,
        {
            **asked,
            "other": described,
            "result": query["result"],
            "filter": query["filter"],
            "offset": context["offset"],
            "limit": PAGE_SIZE,
        },
    )
    rows = [(one, toned(one["source"])) for one in found["items"]]
    return {**context, "found": found, "rows": rows}


PAGES = (
    Page(
        path="/configuration/compare",
        title=gettext_noop("Compare"),
        template="comparison.html",
        services=(DESCRIBE, COMPARE),
        needs=COMPARE,
        calls=2,
        show=show,
    ),
)
