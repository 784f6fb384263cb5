"""The map: who calls whom, as a picture and as a table."""

from __future__ import annotations

from ..api import JsonObject
from ..language.texts import gettext_noop
from ..map.drawing import Picture, drawn, error_share, rate
from ..page import Context, Outcome, Page
from ..tables import csv_file
from ..visit import Panel, Visit

SPANS = ("hour", "day", "week", "month", "year")
SEEN = ("any", "yes", "no")
GROUPS = ("auto", "always")
KINDS = ("channel", "service", "outgoing")
PAGE_SIZE = 50
"""Rows of one page of the table."""
COLUMNS = ("from", "to", "status", "by", "count", "errors", "rate", "p95", "last")
SERVICE = "admin.landscape.get"


def asked_landscape(visit: Visit) -> JsonObject:
    """Return what the address asks for; what it does not know is as by default."""
    kinds = list(KINDS)
    if visit.query.get("security") == "yes":
        kinds.append("security")
    return {
        "span": visit.query.one_of("span", SPANS),
        "focus": visit.query.get("focus"),
        "depth": min(max(visit.query.number("depth", 1), 1), 3),
        "text": visit.query.get("filter"),
        "seen": visit.query.one_of("seen", SEEN),
        "errors": visit.query.get("errors") == "yes",
        "group": visit.query.one_of("group", GROUPS),
        "kinds": kinds,
    }


def show(visit: Visit) -> Context:
    """Return the picture, and a page of the table."""
    asked = asked_landscape(visit)
    found = visit.send(SERVICE, asked)
    query = _query(asked)
    offset = visit.query.number("offset", 0)
    around = {**query, "depth": asked["depth"]}

    def path_of(node: JsonObject) -> str:
        if node["id"] == asked["focus"]:
            return page_of(visit, node) or visit.path("map", **around)
        return visit.path("map", **{**around, "focus": node["id"]})

    nodes = {node["id"]: node for node in found["nodes"]}
    linked = {edge[end] for edge in found["edges"] for end in ("source", "target")}
    focused = nodes.get(asked["focus"])
    return {
        "asked": asked,
        "found": found,
        "picture": drawn(found, path_of, asked["focus"]),
        "rows": [
            row_of(visit, edge, nodes) for edge in found["edges"][offset : offset + PAGE_SIZE]
        ],
        "lone": [
            (node["id"], page_of(visit, node))
            for node in found["nodes"]
            if node["id"] not in linked
        ],
        "focus_page": page_of(visit, focused) if focused is not None else "",
        "offset": offset,
        "size": PAGE_SIZE,
        "choices": {"span": SPANS, "seen": SEEN},
        "query": query,
        "is_filtered": bool(asked["text"] or asked["errors"] or asked["seen"] != "any"),
    }


def _query(asked: JsonObject) -> JsonObject:
    """Return the fields of the address that asks for the same."""
    return {
        "span": asked["span"],
        "focus": asked["focus"],
        "depth": asked["depth"] if asked["focus"] else "",
        "filter": asked["text"],
        "seen": asked["seen"] if asked["seen"] != "any" else "",
        "errors": "yes" if asked["errors"] else "",
        "group": asked["group"] if asked["group"] != "auto" else "",
        "security": "yes" if "security" in asked["kinds"] else "",
    }


def page_of(visit: Visit, node: JsonObject) -> str:
    """Return the address of the page of a node; empty for a group, and for what is gone."""
    if node["members"] > 1 or node["state"] == "gone":
        return ""
    if node["kind"] == "service":
        return visit.path("services", node["name"])
    return visit.path(node["kind"], node["type"], node["name"]) if node["type"] else ""


def row_of(visit: Visit, edge: JsonObject, nodes: dict[str, JsonObject]) -> JsonObject:
    """Return a row of the table."""
    ends = {
        name: {"id": edge[end], "path": page_of(visit, nodes[edge[end]])}
        for name, end in (("source", "source"), ("target", "target"))
    }
    share = error_share(edge["count"], edge["errors"])
    return {**edge, **ends, "share": share, "speed": rate(edge["rate"])}


def save_as_csv(visit: Visit) -> Outcome:
    """Return all edges as CSV, in milliseconds and seconds of the Unix epoch, none in groups."""
    found = visit.send(SERVICE, {**asked_landscape(visit), "group": "never"})
    return csv_file("map.csv", COLUMNS, [_csv_row(edge) for edge in found["edges"]])


def _csv_row(edge: JsonObject) -> list[object]:
    by = " ".join([*edge["settings"], *edge["ways"]])
    figures = [edge[column] for column in ("count", "errors", "rate", "p95", "last")]
    return [edge["source"], edge["target"], edge["status"], by, *figures]


def strip(visit: Visit, panel: Panel, focus: str) -> Picture | None:
    """Return the picture of what is linked to one node; None if that is nothing, or not known."""
    if panel.error is not None or not panel.data.get("edges"):
        return None

    def path_of(node: JsonObject) -> str:
        return page_of(visit, node) or visit.path("map", focus=node["id"])

    return drawn(panel.data, path_of, focus)


PAGES = (
    Page(
        path="/map",
        title=gettext_noop("Map"),
        template="map.html",
        group="Watch",
        services=(SERVICE,),
        show=show,
        act=save_as_csv,
    ),
)
