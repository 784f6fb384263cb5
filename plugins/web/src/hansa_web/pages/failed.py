"""Failed messages: groups by cause, the messages of a group, one message, replay and deletion."""

from __future__ import annotations

import json

from ..api import JsonObject
from ..page import Context, Download, Outcome, Page, Redirect, Shown
from ..rendering import pretty
from ..typed import typed_fault
from ..visit import Visit

PAGE_SIZE = 50
CONDITIONS = ("service", "cause", "cid")
MOST_EXPORTED = 10_000


def conditions(visit: Visit) -> dict[str, str]:
    """Return the conditions of the filter, which its address has."""
    given = {name: visit.query.get(name) for name in CONDITIONS}
    return {name: value for name, value in given.items() if value}


def show_groups(visit: Visit) -> Context:
    """Return the groups of the messages that the filter lets through."""
    found = visit.send("admin.failed.groups", conditions(visit))
    items = found["items"]
    return {
        "groups": items,
        "messages": sum(one["count"] for one in items),
        "most": max((one["count"] for one in items), default=1),
        "conditions": conditions(visit),
    }


def show_group(visit: Visit) -> Context:
    """Return one page of the messages of a group."""
    group = visit.parts["group"]
    offset = visit.query.number("offset", 0)
    data: JsonObject = {"group": group, "offset": offset, "limit": PAGE_SIZE}
    found = visit.send("admin.failed.list", data)
    return {"group": group, "offset": offset, "size": PAGE_SIZE, **found}


def show_message(visit: Visit) -> Context:
    """Return one message: input, cause, traceback, history."""
    found = visit.call("admin.failed.get", id=visit.parts["id"])
    return _message(found, pretty(found["payload"]))


def _message(found: JsonObject, payload: str, fault: str = "") -> Context:
    return {
        "title": f"Failed message {found['id']}",
        "found": found,
        "payload": payload,
        "fault": fault,
    }


def act_on_message(visit: Visit) -> Outcome:
    """Replay a message, with the payload that is shown if that was changed; or go on to delete it."""
    identifier = visit.parts["id"]
    if visit.form.get("action") == "delete":
        return Redirect(visit.path("failed", "delete", id=identifier))
    found = visit.call("admin.failed.get", id=identifier)
    text = visit.form.get("payload").replace("\r\n", "\n")
    data: JsonObject = {"ids": [identifier]}
    if text.strip() != pretty(found["payload"]).strip():
        try:
            data["payload"] = found["payload"] if not text else _payload(found, text)
        except ValueError as error:
            return Shown(_message(found, text, f"is not valid JSON: {error}"))
    done = visit.send("admin.failed.replay", data)
    return Redirect(visit.path("failed"), replayed_notice(done))


def _payload(found: JsonObject, text: str) -> object:
    """Return a payload that was edited: text stays text, everything else is JSON."""
    if isinstance(found["payload"], str):
        return text
    payload: object = json.loads(text)
    return payload


def replayed_notice(done: JsonObject) -> str:
    """Say what came of a replay."""
    notice = f"{done['replayed']} messages went back into the queue."
    if done["left"]:
        notice += f" {done['left']} stay failed, since the queue is full."
    if done["missing"]:
        notice += f" {len(done['missing'])} are not there any more."
    return notice


# -- many at once: a page that says what is meant, and then the deed --------------------------------


def selected(visit: Visit) -> JsonObject:
    """Return the selection that an address names: ids, groups, conditions, or all."""
    data: JsonObject = dict(conditions(visit))
    if visit.query.get("group"):
        data["group"] = visit.query.get("group")
    ids = visit.query.all("id")
    if ids:
        data["ids"] = ids
    if not data:
        data["all"] = True
    return data


def show_selection(visit: Visit) -> Context:
    """Return how many messages are meant, and which."""
    data = selected(visit)
    asked = {key: value for key, value in data.items() if key not in ("ids", "all")}
    if "ids" in data:
        count = len(data["ids"])
    else:
        count = visit.send("admin.failed.list", {**asked, "limit": 1})["total"]
    return {"count": count, "selection": data, "ids": data.get("ids", [])}


def replay(visit: Visit) -> Outcome:
    """Replay what the address selects."""
    done = visit.send("admin.failed.replay", selected(visit))
    return Redirect(visit.path("failed"), replayed_notice(done))


def delete(visit: Visit) -> Outcome:
    """Delete what the address selects, if that are as many as were shown; in production their number
    is typed in.
    """
    context = show_selection(visit)
    fault = typed_fault(visit, str(context["count"]))
    if visit.form.number("count", -1) != context["count"]:
        fault = f"there are {context['count']} messages now: look again"
    if fault:
        return Shown({**context, "fault": fault})
    done = visit.send("admin.failed.delete", selected(visit))
    return Redirect(visit.path("failed"), f"{done['deleted']} messages are deleted for good.")


def show_deletion(visit: Visit) -> Context:
    """Return how many messages would be deleted."""
    return {**show_selection(visit), "fault": ""}


def export(visit: Visit) -> Outcome:
    """Return the messages that the address selects as JSON lines."""
    data = {key: value for key, value in selected(visit).items() if key not in ("ids", "all")}
    found = visit.send("admin.failed.export", {**data, "limit": MOST_EXPORTED})
    return Download("failed.jsonl", str(found["lines"]).encode(), "application/jsonl")


PAGES = (
    Page(
        path="/failed",
        title="Failed messages",
        template="failed.html",
        group="Messages",
        services=("admin.failed.groups", "admin.failed.export"),
        show=show_groups,
        act=export,
    ),
    Page(
        path="/failed/groups/{group}",
        title="Failed messages of a group",
        template="failed_group.html",
        services=("admin.failed.list",),
        show=show_group,
    ),
    Page(
        path="/failed/messages/{id}",
        title="Failed message",
        template="failed_message.html",
        services=("admin.failed.get", "admin.failed.replay"),
        show=show_message,
        act=act_on_message,
    ),
    Page(
        path="/failed/replay",
        title="Replay failed messages",
        template="failed_replay.html",
        services=("admin.failed.list", "admin.failed.replay"),
        show=show_selection,
        act=replay,
    ),
    Page(
        path="/failed/delete",
        title="Delete failed messages",
        template="failed_delete.html",
        services=("admin.failed.list", "admin.failed.delete"),
        show=show_deletion,
        act=delete,
    ),
)
