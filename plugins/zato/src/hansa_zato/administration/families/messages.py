"""`zato.pubsub.message.*`: messages that are published and not acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...payloads import PlainDict
from ...sio.types import AsIs, Integer
from ..call import Call
from ..declaration import Declared, missing
from ..texts import time_text

PAGE: Final = 1_000
"""Messages that hansa-pubsub lists at once."""


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
)
