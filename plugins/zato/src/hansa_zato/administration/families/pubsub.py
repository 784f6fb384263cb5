"""`zato.pubsub.topics.*`: topics; and all services of `zato.pubsub.*`."""

from __future__ import annotations

from typing import Final

from ...mapping.pubsub import TOPIC
from ...payloads import PlainDict
from ...sio.types import AsIs, Float, Integer
from ..call import Call
from ..crud import ObjectType
from ..declaration import Declared, missing
from ..listing import listed
from ..numbers import definition_id
from . import consumers, messages, producers
from .producers import topic_of

TOPICS: Final = ObjectType("zato.pubsub.topics", (TOPIC,), ("create", "edit", "delete"))
FIGURES: Final = ("current_depth", "consumers_count", "producers_count")


def topic_list(call: Call) -> list[PlainDict]:
    """List the topics with what they hold."""
    known = {one["topic"]: one for one in call.admin("admin.pubsub.status")["topics"]}
    rows = [topic_row(item, known) for item in call.all("admin.topic.list")]
    return listed(call, rows)


def topic_row(item: PlainDict, known: dict[str, PlainDict]) -> PlainDict:
    """Return a topic as Zato lists one."""
    figures = known.get(item["topic"], {})
    return {
        "id": definition_id("topic", "topic", item["name"]),
        "name": item["topic"],
        "is_active": item.get("active", True),
        "max_depth": item.get("max_depth"),
        "current_depth": figures.get("messages", 0),
        "consumers_count": len(figures.get("subscriptions", ())),
        "producers_count": len(item.get("publishers") or ()),
    }


def topic_info(call: Call) -> PlainDict:
    """Show what a topic holds, and how many publish and subscribe to it."""
    item = topic_of(call, call.text("name"))
    known = {one["topic"]: one for one in call.admin("admin.pubsub.status")["topics"]}
    row = topic_row(item, known)
    return {name: row[name] for name in FIGURES}


def publish(call: Call) -> PlainDict:
    """Publish a message."""
    given = call.given("priority", "expiration")
    data = call.input.get("payload")
    made = call.admin(
        "admin.pubsub.publish", topic=call.text("name"), data="" if data is None else data, **given
    )
    return {"msg_id": made["id"]}


SERVICES: Final = (
    *TOPICS.declared(),
    Declared(
        "zato.pubsub.topics.get-list",
        topic_list,
        ("admin.topic.list", "admin.pubsub.status"),
        output=("id", "name", "is_active", *(AsIs(name) for name in ("max_depth", *FIGURES))),
        is_list=True,
    ),
    Declared(
        "zato.pubsub.topics.get-info",
        topic_info,
        ("admin.topic.list", "admin.pubsub.status"),
        required=("name",),
        output=tuple(Integer(name) for name in FIGURES),
        differs="without last_pub_time",
    ),
    Declared(
        "zato.pubsub.topics.publish",
        publish,
        ("admin.pubsub.publish",),
        required=("name",),
        optional=(
            AsIs("payload"),
            Integer("priority"),
            Float("expiration"),
            "mime_type",
            "client_id",
        ),
        output=(AsIs("msg_id"),),
        differs="its caller is the publisher; mime_type and client_id have no effect",
    ),
    *consumers.SERVICES,
    *producers.SERVICES,
    *messages.SERVICES,
    *missing(
        "messages that are due, expired or in no queue are looked after by hansa-pubsub",
        "zato.pubsub.delete-expired",
        "zato.pubsub.invoke-callbacks",
        "zato.pubsub.move-to-target-queues",
    ),
)
