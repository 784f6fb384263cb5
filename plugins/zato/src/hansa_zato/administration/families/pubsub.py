"""`zato.pubsub.topics.*`, `zato.pubsub.producers.*` and `zato.pubsub.message.*`: topics, who publishes
to them, and messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...mapping.pubsub import TOPIC
from ...payloads import PlainDict
from ...sio.types import AsIs, Boolean, Float, Integer
from ..call import Call
from ..crud import ObjectType
from ..declaration import Declared, missing
from ..listing import listed
from ..numbers import definition_id
from ..objects import security_name
from ..texts import time_text
from . import consumers
from .consumers import PAGE

TOPICS: Final = ObjectType("zato.pubsub.topics", (TOPIC,), ("create", "edit", "delete"))
FIGURES: Final = ("current_depth", "consumers_count", "producers_count")

# -- topics ----------------------------------------------------------------------------------------


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


def topic_of(call: Call, name: str) -> PlainDict:
    """Return the definition of a topic; raises `HTTPException`."""
    for item in call.all("admin.topic.list"):
        if item["topic"] == name:
            return item
    raise call.not_found("topic", name)


def publish(call: Call) -> PlainDict:
    """Publish a message."""
    given = call.given("priority", "expiration")
    data = call.input.get("payload")
    made = call.admin(
        "admin.pubsub.publish", topic=call.text("name"), data="" if data is None else data, **given
    )
    return {"msg_id": made["id"]}


# -- producers -------------------------------------------------------------------------------------


def producers(call: Call) -> Iterator[tuple[PlainDict, PlainDict]]:
    """Return who may publish over HTTP, each with its topic."""
    for item in call.all("admin.topic.list"):
        for name in item.get("publishers") or ():
            id = definition_id("producer", item["name"], name)
            row = {"id": id, "name": name, "is_active": True, "topic_name": item["topic"]}
            yield {**row, "client_id": security_id(call, name)}, item


def security_id(call: Call, name: str) -> int | None:
    """Return the id of a security definition; None without one."""
    for record in call.server.definitions.all("security"):
        if record.name == name:
            return definition_id(record.kind, record.type, name)
    return None


def producer_list(call: Call) -> list[PlainDict]:
    """List who may publish, to all topics or to one."""
    wanted = call.text("topic_name")
    rows = [row for row, _ in producers(call) if wanted in ("", row["topic_name"])]
    return listed(call, rows)


def producer_of(call: Call) -> tuple[PlainDict, PlainDict]:
    """Return the producer that the input names by its id, and its topic; raises `HTTPException`."""
    wanted = call.text("id")
    for row, item in producers(call):
        if str(row["id"]) == wanted:
            return row, item
    raise call.not_found("producer", wanted)


def create_producer(call: Call) -> PlainDict:
    """Let the callers of a security definition publish to a topic."""
    refuse_inactive(call)
    item = topic_of(call, call.text("topic_name"))
    name = security_name(call, call.text("client_id"))
    names = [*(item.get("publishers") or ()), name]
    set_publishers(call, item, list(dict.fromkeys(names)))
    return {"id": definition_id("producer", item["name"], name), "name": name}


def edit_producer(call: Call) -> PlainDict:
    """Change nothing: a producer is there, or is not."""
    refuse_inactive(call)
    row, _ = producer_of(call)
    return {"id": row["id"], "name": row["name"]}


def delete_producer(call: Call) -> None:
    """Let the callers of a security definition publish to a topic no more."""
    row, item = producer_of(call)
    set_publishers(call, item, [one for one in item["publishers"] if one != row["name"]])


def set_publishers(call: Call, item: PlainDict, names: list[str]) -> None:
    """Say who may publish, unless somebody else has changed the topic meanwhile."""
    revision = item["revision"]
    call.admin("admin.topic.edit", name=item["name"], publishers=names, seen_revision=revision)


def refuse_inactive(call: Call) -> None:
    """Refuse a producer that is switched off; raises `BadRequest`."""
    if call.input.get("is_active") is False:
        raise call.refuse("is_active: a producer that may not publish is deleted")


def producer_info(call: Call) -> PlainDict:
    """Show a producer."""
    row, _ = producer_of(call)
    return {"name": row["name"], "topic_name": row["topic_name"]}


# -- messages --------------------------------------------------------------------------------------


def message_list(call: Call) -> list[PlainDict]:
    """List the messages of a subscription, or of a topic that somebody subscribes to."""
    name = call.text("source_name")
    if call.text("source_type").lower() != "topic":
        return list(messages(call, name))
    known = {one["topic"]: one for one in call.admin("admin.pubsub.status")["topics"]}
    if name not in known:
        raise call.not_found("topic", name)
    found = [row for sub in known[name]["subscriptions"] for row in messages(call, sub)]
    by_id = {row["msg_id"]: row for row in found if row["topic"] == name}
    return list(by_id.values())


def messages(call: Call, subscription: str) -> Iterator[PlainDict]:
    """Return the messages of a subscription, page by page."""
    offset, total = 0, 1
    while offset < total:
        asked = {"subscription": subscription, "offset": offset, "limit": PAGE}
        page = call.admin("admin.pubsub.list", **asked)
        yield from (message_row(item) for item in page["items"])
        offset, total = offset + PAGE, page["total"]


def message_row(item: PlainDict) -> PlainDict:
    """Return a message as Zato lists one."""
    return {
        "msg_id": item["id"],
        "topic": item["topic"],
        "priority": item["priority"],
        "expiration": round(item["expires"] - item["published"]),
        "creation_time_utc": time_text(item["published"]),
        "expire_at_utc": time_text(item["expires"]),
        "producer": item["publisher"],
    }


def message(call: Call) -> PlainDict:
    """Show a message with its data; that of bytes is in Base64."""
    found = call.admin("admin.pubsub.get", id=call.text("msg_id"))
    payload = found["data"] if found["raw"] is None else found["raw"]
    return {**message_row(found), "payload": payload}


MESSAGE: Final = (
    AsIs("msg_id"),
    "topic",
    Integer("priority"),
    Integer("expiration"),
    "creation_time_utc",
    "expire_at_utc",
    "producer",
)
FEWER: Final = "without mime_type"
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
    Declared(
        "zato.pubsub.producers.get-list",
        producer_list,
        ("admin.topic.list",),
        optional=("topic_name",),
        output=("id", "name", "is_active", AsIs("client_id"), "topic_name"),
        is_list=True,
    ),
    Declared(
        "zato.pubsub.producers.create",
        create_producer,
        ("admin.topic.edit",),
        required=(AsIs("client_id"), "topic_name"),
        optional=(Boolean("is_active"),),
        output=("id", "name"),
        differs="a producer is a security definition among the publishers of a topic",
    ),
    Declared(
        "zato.pubsub.producers.edit",
        edit_producer,
        ("admin.topic.list",),
        required=("id",),
        optional=(Boolean("is_active"),),
        output=("id", "name"),
        differs="it changes nothing: a producer that may not publish is deleted",
    ),
    Declared(
        "zato.pubsub.producers.delete", delete_producer, ("admin.topic.edit",), required=("id",)
    ),
    Declared(
        "zato.pubsub.producers.get-info",
        producer_info,
        ("admin.topic.list",),
        required=("id",),
        output=("name", "topic_name"),
        differs="without last_seen",
    ),
    Declared(
        "zato.pubsub.message.get-list",
        message_list,
        ("admin.pubsub.list", "admin.pubsub.status"),
        required=("source_type", "source_name"),
        output=MESSAGE,
        is_list=True,
        differs=f"{FEWER}; a topic has the messages that somebody subscribes to",
    ),
    Declared(
        "zato.pubsub.message.get",
        message,
        ("admin.pubsub.get",),
        required=(AsIs("msg_id"),),
        output=(*MESSAGE, AsIs("payload")),
        differs=FEWER,
    ),
    *missing(
        "messages are deleted by zato.pubsub.consumers.clear-queue, all those of a consumer",
        "zato.pubsub.message.delete",
    ),
    *missing(
        "messages that are due, expired or in no queue are looked after by hansa-pubsub",
        "zato.pubsub.delete-expired",
        "zato.pubsub.invoke-callbacks",
        "zato.pubsub.move-to-target-queues",
    ),
)
