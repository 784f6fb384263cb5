"""The services that see messages before they are published, and before they are pushed.

Such a service gets an object with `phase` (`before_publish` or `before_delivery`), `message`, and for
a delivery `subscription`. What it returns decides: nothing, and the message goes on as it is; false,
or an object with a true `skip`, and it is kept back; an object with `data`, `priority` or
`mime_type`, and these take the place of what the message had.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from hansa import Misused, Server

from .message import HIGHEST_PRIORITY, LOWEST_PRIORITY, Message

CHANGEABLE = ("data", "priority", "mime_type")


def before_publish(server: Server, service: str, message: Message) -> Message | None:
    """Return a message as the service wants it published, None if it is not to be; raises what the
    service raises.
    """
    return _asked(server, service, message, {"phase": "before_publish"})


def before_delivery(
    server: Server, service: str, message: Message, subscription: str
) -> Message | None:
    """Return a message as the service wants it pushed, None if it is to be left out; raises what
    the service raises.
    """
    return _asked(
        server, service, message, {"phase": "before_delivery", "subscription": subscription}
    )


def _asked(server: Server, service: str, message: Message, about: dict[str, Any]) -> Message | None:
    payload = {**about, "message": {**message.about(), "data": message.content}}
    answer = server.invoke(service, payload, cid=message.cid)
    if answer is None or answer == "" or answer is True:
        return message
    if answer is False or answer == {"skip": True}:
        return None
    if not isinstance(answer, Mapping):
        raise Misused(f"{service} returns neither nothing, nor false, nor an object of changes")
    unknown = sorted(set(answer) - set(CHANGEABLE))
    if unknown:
        raise Misused(f"{service} wants to change {', '.join(unknown)}, which stay as they are")
    priority = answer.get("priority", message.priority)
    if type(priority) is not int or not LOWEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        raise Misused(f"{service} returns a priority that is no whole number from 1 to 9")
    changed = msgspec.structs.replace(
        message, priority=priority, mime_type=str(answer.get("mime_type", message.mime_type))
    )
    if "data" in answer:
        data = answer["data"]
        is_bytes = isinstance(data, bytes)
        changed.data = None if is_bytes else data
        changed.raw = data if is_bytes else None
    return changed
