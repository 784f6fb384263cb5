"""Failed messages: groups by cause, the messages of a group beside one of them, replay and deletion
of all that match.
"""

from __future__ import annotations

from typing import TypeAlias

from ..api import ApiError, JsonObject
from ..language.texts import counted, gettext, gettext_noop
from ..moments import read_moment
from ..page import Context, Download, Outcome, Page, Redirect, Shown
from ..typed import typed_fault
from ..view import current_view
from ..visit import Visit
from .failed_message import act_on_message, message_context, show_message

Query: TypeAlias = dict[str, str]

PAGE_SIZE = 50
TEXTS = ("service", "cause", "cid", "server", "group")
TIMES = ("since", "until")
TICKED = "ticked"
"""The field of a form that means nothing but what is ticked in it."""
MOST_EXPORTED = 10_000
"""Messages of one export, the latest; the command has all of them."""
DEFAULT_RATE = 50
MANY = 100
"""Messages from which on a replay begins with one, unless the user unticks that."""


def given_conditions(visit: Visit) -> Query:
    """Return the conditions of the filter as the address has them."""
    given = {name: visit.query.get(name).strip() for name in (*TEXTS, *TIMES)}
    return {name: value for name, value in given.items() if value}


def conditions(given: Query) -> JsonObject:
    """Return conditions as the API takes them; raises `ApiError` for a time that is none."""
    found: JsonObject = {}
    for name, value in given.items():
        if name not in TIMES:
            found[name] = value
            continue
        try:
            found[name] = read_moment(value, current_view().zone).timestamp()
        except ValueError:
            raise ApiError(
                422,
                {
                    "detail": gettext(
                        "%(name)s: %(value)s is not a time", name=name, value=repr(value)
                    )
                },
            ) from None
    return found


def show_groups(visit: Visit) -> Context:
    """Return the groups of the messages that the filter lets through."""
    given = given_conditions(visit)
    offset = visit.query.number("offset", 0)
    asked = {**conditions(given), "series": True, "offset": offset, "limit": PAGE_SIZE}
    found = visit.send("admin.failed.groups", asked)
    items = found["items"]
    return {
        "groups": items,
        "total": found["total"],
        "messages": found["messages"],
        "most": max((one["count"] for one in items), default=1),
        "conditions": given,
        "zone": current_view().zone,
        "most_exported": MOST_EXPORTED,
        "offset": offset,
        "size": PAGE_SIZE,
    }


def show_group(visit: Visit) -> Context:
    """Return one page of the messages of a group, and one message beside them."""
    group = visit.parts["group"]
    offset = visit.query.number("offset", 0)
    found = visit.send("admin.failed.list", {"group": group, "offset": offset, "limit": PAGE_SIZE})
    items = found["items"]
    wanted = visit.query.get("id") or (items[0]["id"] if items else "")
    context: Context = {"message": None, "missing": ""}
    if wanted and visit.may("admin.failed.get"):
        try:
            context = message_context(visit, visit.call("admin.failed.get", id=wanted))
        except ApiError as error:
            if error.status != 404:
                raise
            context["missing"] = str(error)
    return {
        **context,
        "title": items[0]["cause"].partition("\n")[0]
        if items
        else gettext("Nothing is left of this group"),
        "group": group,
        "chosen": wanted,
        "items": items,
        "total": found["total"],
        "offset": offset,
        "size": PAGE_SIZE,
    }


# -- many at once: a page that says what is meant, and then the deed --------------------------------


def selected(visit: Visit) -> JsonObject:
    """Return the selection that an address names: ids, groups, conditions, or all; raises `ApiError`
    for a form in which nothing was ticked.
    """
    if TICKED in visit.query and not (visit.query.get("id") or visit.query.get("group")):
        raise ApiError(
            422,
            {"title": gettext("Nothing selected"), "detail": gettext("tick what is meant first")},
        )
    data = conditions(given_conditions(visit))
    ids = visit.query.all("id")
    if ids:
        data["ids"] = ids
    groups = visit.query.all("group")
    if len(groups) > 1:
        del data["group"]
        data["groups"] = groups
    if not data:
        data["all"] = True
    return data


def show_selection(visit: Visit) -> Context:
    """Return how many messages are meant, and of which services."""
    data = selected(visit)
    asked = {key: value for key, value in data.items() if key not in ("ids", "all")}
    if "ids" in data:
        return {"count": len(data["ids"]), "groups": [], "given": {}, "ids": data["ids"]}
    found = visit.send("admin.failed.groups", {**asked, "limit": PAGE_SIZE})
    return {
        "count": found["messages"],
        "groups": found["items"],
        "given": {key: value for key, value in asked.items() if key != "groups"},
        "chosen": asked.get("groups", []),
    }


def show_replay(visit: Visit) -> Context:
    """Return what would be replayed, and how fast."""
    found = show_selection(visit)
    return {
        **found,
        "rate": DEFAULT_RATE,
        "first": found["count"] > MANY,
        "many": MANY,
        "fault": "",
    }


def replay(visit: Visit) -> Outcome:
    """Begin to replay what the address selects, and go to the replay."""
    text = visit.form.get("rate", str(DEFAULT_RATE)).strip()
    first = "first" in visit.form
    try:
        rate = float(text)
        asked = {**selected(visit), "rate": rate, "batch": 1 if first else 0}
        done = visit.send("admin.failed.replay", asked)
    except (ValueError, ApiError) as error:
        if isinstance(error, ApiError) and error.status != 422:
            raise
        fault = gettext("Rate: %(text)s is not a number from 0.01 to 5,000", text=repr(text))
        return Shown({**show_replay(visit), "rate": text, "first": first, "fault": fault})
    if not done["id"]:
        return Redirect(visit.path("failed"), gettext("Nothing is left to replay."))
    notice = ""
    if done["elsewhere"]:
        notice = counted(
            done["elsewhere"],
            "%(num)s message is already in a replay that goes on.",
            "%(num)s messages are already in a replay that goes on.",
        )
    return Redirect(visit.path("replays", done["id"]), notice)


def delete(visit: Visit) -> Outcome:
    """Delete what the address selects, if that are as many as were shown; in production their number
    is typed in.
    """
    context = _deletion(visit)
    fault = typed_fault(visit, str(context["count"]))
    if visit.form.number("count", -1) != context["count"]:
        fault = counted(
            context["count"],
            "%(num)s message matches now: look again",
            "%(num)s messages match now: look again",
        )
    if fault:
        return Shown({**context, "fault": fault})
    done = visit.send("admin.failed.delete", selected(visit))
    notice = counted(
        done["deleted"],
        "%(num)s message is deleted for good.",
        "%(num)s messages are deleted for good.",
    )
    return Redirect(visit.path("failed"), notice)


def show_deletion(visit: Visit) -> Context:
    """Return how many messages would be deleted."""
    return {**_deletion(visit), "fault": ""}


def _deletion(visit: Visit) -> Context:
    return {**show_selection(visit), "most_exported": MOST_EXPORTED}


def export(visit: Visit) -> Outcome:
    """Return the messages that the address selects as JSON lines; the name of the file says so if
    there are more.
    """
    data = {key: value for key, value in selected(visit).items() if key not in ("ids", "all")}
    found = visit.send("admin.failed.export", {**data, "limit": MOST_EXPORTED})
    more = found["total"] > found["count"]
    name = f"failed-latest-{found['count']}-of-{found['total']}.jsonl" if more else "failed.jsonl"
    return Download(name, str(found["lines"]).encode(), "application/jsonl")


PAGES = (
    Page(
        path="/failed",
        title=gettext_noop("Failed messages"),
        template="failed.html",
        group="Messages",
        services=("admin.failed.groups", "admin.failed.export"),
        show=show_groups,
        act=export,
    ),
    Page(
        path="/failed/groups/{group}",
        title=gettext_noop("Failed messages of a group"),
        template="failed_group.html",
        services=("admin.failed.list", "admin.failed.get"),
        calls=2,
        show=show_group,
    ),
    Page(
        path="/failed/messages/{id}",
        title=gettext_noop("Failed message"),
        template="failed_message.html",
        services=("admin.failed.get", "admin.failed.replay", "admin.failed.edit"),
        show=show_message,
        act=act_on_message,
    ),
    Page(
        path="/failed/replay",
        title=gettext_noop("Replay failed messages"),
        template="failed_replay.html",
        services=("admin.failed.groups", "admin.failed.replay"),
        show=show_replay,
        act=replay,
    ),
    Page(
        path="/failed/delete",
        title=gettext_noop("Delete failed messages"),
        template="failed_delete.html",
        services=("admin.failed.groups", "admin.failed.delete"),
        show=show_deletion,
        act=delete,
    ),
)
