"""Publish and subscribe: what topics and subscriptions hold, and the messages of a subscription."""

from __future__ import annotations

from ..language.texts import gettext_noop
from ..page import Context, Page
from ..visit import Visit

PAGE_SIZE = 50


def show(visit: Visit) -> Context:
    """Return all topics and subscriptions."""
    found = visit.call("admin.pubsub.status")
    return {"topics": found["topics"], "subscriptions": found["subscriptions"]}


def show_messages(visit: Visit) -> Context:
    """Return a page of the messages of a subscription, without their data."""
    name = visit.parts["name"]
    offset = visit.query.number("offset", 0)
    found = visit.call("admin.pubsub.list", subscription=name, offset=offset, limit=PAGE_SIZE)
    return {
        "name": name,
        "rows": found["items"],
        "total": found["total"],
        "offset": offset,
        "size": PAGE_SIZE,
    }


PAGES = (
    Page(
        path="/pubsub",
        title=gettext_noop("Publish and subscribe"),
        template="pubsub.html",
        group="Messages",
        services=("admin.pubsub.status",),
        show=show,
    ),
    Page(
        path="/pubsub/{name}",
        title=gettext_noop("Messages of a subscription"),
        template="pubsub_messages.html",
        services=("admin.pubsub.list",),
        show=show_messages,
    ),
)
