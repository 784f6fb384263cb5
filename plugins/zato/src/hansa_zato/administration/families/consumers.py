"""`zato.pubsub.consumers.*`: subscriptions of security definitions."""

from __future__ import annotations

from typing import Final

from hansa import DefinitionRecord

from ...payloads import PlainDict
from ...sio.types import AsIs, Boolean, Integer
from ..call import Call
from ..declaration import Declared
from ..listing import listed
from ..numbers import definition_id, find, number_of
from ..objects import security_name

KIND: Final = "subscription"
PULL: Final = "pull"
CALLBACK: Final = "callback-url"
HTTP: Final = ("outgoing", "http")


def consumer_list(call: Call) -> list[PlainDict]:
    """List the subscriptions, of all topics or of one, with what they hold."""
    wanted = call.text("topic_name")
    found = call.admin("admin.pubsub.status")["subscriptions"]
    depths = {one["name"]: one["messages"] for one in found}
    items = call.all("admin.subscription.list")
    rows = [row_of(call, item, depths) for item in items if wanted in ("", item["topic"])]
    return listed(call, rows)


def row_of(call: Call, item: PlainDict, depths: dict[str, int]) -> PlainDict:
    """Return a subscription as Zato lists one."""
    owner = item.get("security") or ""
    records = call.server.definitions.all("security")
    client = next((number_of(one) for one in records if one.name == owner), None)
    return {
        "id": definition_id(KIND, KIND, item["name"]),
        "name": owner or item["name"],
        "is_active": item.get("active", True) and not item.get("paused"),
        "client_id": client,
        "current_depth": depths.get(item["name"], 0),
        "sub_key": item["name"],
        "delivery_mode": PULL if item.get("deliver_to", PULL) == PULL else CALLBACK,
        "topic_name": item["topic"],
        "callback": item.get("outgoing") or item.get("service") or "",
    }


def create(call: Call) -> PlainDict:
    """Subscribe the callers of a security definition to a topic."""
    topic = call.text("topic_name")
    owner = security_name(call, call.text("client_id"))
    name = f"{owner}.{topic}"
    active = call.input.get("is_active") is not False
    settings = {"topic": topic, "security": owner, "active": active, **delivery(call)}
    call.admin("admin.subscription.create", name=name, **settings)
    return {"id": definition_id(KIND, KIND, name), "name": owner, "sub_key": name}


def edit(call: Call) -> PlainDict:
    """Change how messages are delivered, or switch a subscription on or off."""
    record = record_of(call)
    settings = delivery(call)
    if call.input.get("is_active") is not None:
        settings["active"] = call.input["is_active"]
    call.admin("admin.subscription.edit", name=record.name, **settings)
    return {"id": number_of(record), "name": record.data.get("security") or record.name}


def delivery(call: Call) -> PlainDict:
    """Return where messages go, as the input says; raises `BadRequest`."""
    mode = call.text("delivery_mode")
    if mode in ("", PULL):
        return {"deliver_to": PULL, "outgoing": "", "service": ""} if mode else {}
    if mode != CALLBACK:
        raise call.refuse(f"delivery_mode: {mode!r} is neither {PULL} nor {CALLBACK}")
    wanted = call.text("callback_id")
    for record in call.server.definitions.all(*HTTP):
        if wanted and str(number_of(record)) == wanted:
            return {"deliver_to": "http", "outgoing": record.name, "service": ""}
    raise call.refuse(f"callback_id: no outgoing connection has the id {wanted!r}")


def delete(call: Call) -> None:
    """End a subscription; its messages are deleted."""
    call.admin("admin.subscription.delete", name=record_of(call).name)


def info(call: Call) -> PlainDict:
    """Show what a subscription holds."""
    record = record_of(call)
    for one in call.admin("admin.pubsub.status")["subscriptions"]:
        if one["name"] == record.name:
            name = record.data.get("security") or record.name
            return {"name": name, "current_depth": one["messages"], "sub_key": record.name}
    raise call.not_found("consumer", call.text("id"))


def clear(call: Call) -> None:
    """Delete the messages of all subscriptions of a security definition."""
    if "flight" in call.text("queue_type").lower():
        why = "what was given out is in one queue with the others, and is given out again"
        raise call.refuse(f"queue_type: {why}")
    owner = security_name(call, call.text("client_id"))
    for item in list(call.all("admin.subscription.list")):
        if item.get("security") == owner:
            call.admin("admin.pubsub.clear", subscription=item["name"])


def record_of(call: Call) -> DefinitionRecord:
    """Return the subscription that the input names by its id; raises `HTTPException`."""
    return find(call, call.server.definitions.all(KIND), "consumer")


ONE_QUEUE: Final = "what was given out and not acknowledged is in one queue with the others"
DEPTH: Final = "topics have a maximum depth, and consumers none: max_depth has no effect"
CHANGED: Final = (
    Boolean("is_active"),
    "max_depth",
    "max_backlog",
    "delivery_mode",
    AsIs("callback_id"),
)
SERVICES: Final = (
    Declared(
        "zato.pubsub.consumers.get-list",
        consumer_list,
        ("admin.subscription.list", "admin.pubsub.status"),
        optional=("topic_name",),
        output=(
            "id",
            "name",
            "is_active",
            AsIs("client_id"),
            Integer("current_depth"),
            AsIs("sub_key"),
            "delivery_mode",
            "topic_name",
            "callback",
        ),
        is_list=True,
        differs=f"without sec_type and last_seen; {ONE_QUEUE}",
    ),
    Declared(
        "zato.pubsub.consumers.create",
        create,
        ("admin.subscription.create",),
        required=(AsIs("client_id"), "topic_name"),
        optional=CHANGED,
        output=("id", "name", AsIs("sub_key")),
        differs=DEPTH,
    ),
    Declared(
        "zato.pubsub.consumers.edit",
        edit,
        ("admin.subscription.edit",),
        required=("id",),
        optional=CHANGED,
        output=("id", "name"),
        differs=DEPTH,
    ),
    Declared(
        "zato.pubsub.consumers.delete", delete, ("admin.subscription.delete",), required=("id",)
    ),
    Declared(
        "zato.pubsub.consumers.get-info",
        info,
        ("admin.pubsub.status",),
        required=("id",),
        output=("name", Integer("current_depth"), AsIs("sub_key")),
        differs=f"without last_seen; {ONE_QUEUE}",
    ),
    Declared(
        "zato.pubsub.consumers.clear-queue",
        clear,
        ("admin.pubsub.clear",),
        required=("queue_type", AsIs("client_id")),
        differs=ONE_QUEUE,
    ),
)
