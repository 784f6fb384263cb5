"""Messages that could not be delivered: they are put with the failed messages of hansa-queue, with
their cause, and can be replayed from there.

What is queued is a call of `pubsub.deliver`. The first time it fails with the cause that is kept
beside it, so that it stands with the failed messages; when it is replayed, it delivers the message.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Any, ClassVar

from hansa import Conflict, HansaError, Model, NotFound, Server, Service, setting

from .endpoints import Endpoints, Undelivered
from .message import Message
from .publishing import PubSub
from .store import Store

SERVICE = "pubsub.deliver"
KEEP = 24 * 3600
"""Seconds for which a cause is kept that the queue has not come to."""


class FailedMessage(Model):
    """A message that could not be delivered."""

    subscription: Annotated[str, setting("Name of the subscription")]
    message: Annotated[dict[str, Any], setting("The message; bytes as Base64 in `raw`")]


class Deliver(Service):
    """Delivers a message to a subscription, out of its order: what failed messages are replayed by."""

    name: ClassVar[str] = SERVICE
    Input = FailedMessage

    def handle(self) -> None:
        """Deliver it; raises `Undelivered` with the cause why it could not be so before."""
        asked: FailedMessage = self.request.input
        pubsub = self.server.resource(PubSub)
        message = restored(asked.message)
        key = cause_key(self.server, asked.subscription, message.id)
        cause = pubsub.store.redis.execute_command("GETDEL", key)
        if cause:
            error = Undelivered(cause.decode())
            error.outcome = "reject"
            raise error
        known = pubsub.table.subscriptions.get(asked.subscription)
        if known is None:
            raise NotFound(f"no subscription is named {asked.subscription!r}")
        if known.config.is_pushed:
            Endpoints(self.server, pubsub.table).deliver(known.name, known.config, message)
        else:
            put_back(pubsub, known.name, message)


def put_with_failed(
    server: Server, store: Store, subscription: str, message: Message, cause: str
) -> None:
    """Queue what fails with a cause; raises `Unavailable`."""
    key = cause_key(server, subscription, message.id)
    # names of files that are not UTF-8 have lone surrogates in them
    kept = cause.encode(errors="backslashreplace")
    store.redis.execute_command("SET", key, kept, "EX", KEEP)
    payload = {"subscription": subscription, "message": message.plain()}
    try:
        server.invoke_async(SERVICE, payload, cid=message.cid, max_attempts=1)
    except HansaError:
        store.redis.execute_command("DEL", key)
        raise


def put_back(pubsub: PubSub, subscription: str, message: Message) -> None:
    """Have a message wait to be pulled again; raises `Conflict` if its topic is full."""
    from .message import encoded
    from .store import Room

    topic = pubsub.topic(message.topic)
    room = Room(topic.max_depth, topic.max_bytes)
    raw = encoded(message)
    if not pubsub.store.publish(message, raw, topic.expiry, [subscription], room, mode="back"):
        raise Conflict(f"the topic {message.topic!r} is full")


def restored(plain: dict[str, Any]) -> Message:
    """Return a message from what JSON has of it."""
    given = {name: value for name, value in plain.items() if name != "attempts"}
    if given.get("raw") is not None:
        given["raw"] = base64.b64decode(given["raw"])
    return Message(**given)


def cause_key(server: Server, subscription: str, id: str) -> str:
    """Return the key of the cause of a failed message."""
    digest = hashlib.sha256(f"{subscription}\0{id}".encode()).hexdigest()[:32]
    return server.bus.key("pubsub-cause", digest)
