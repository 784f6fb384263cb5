"""`zato.pubsub.producers.*`: security definitions whose callers publish to a topic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...payloads import PlainDict
from ...sio.types import AsIs, Boolean
from ..call import Call
from ..declaration import Declared
from ..listing import listed
from ..numbers import definition_id
from ..objects import security_name


def topic_of(call: Call, name: str) -> PlainDict:
    """Return the definition of a topic; raises `HTTPException`."""
    for item in call.all("admin.topic.list"):
        if item["topic"] == name:
            return item
    raise call.not_found("topic", name)


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


SERVICES: Final = (
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
)
