"""`self.pubsub` of services: publish, subscribe, and have messages one asks for."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from hansa import (
    Conflict,
    Invalid,
    NotFound,
    Server,
    TooLarge,
    TooMany,
    Unavailable,
    Undefined,
    current_caller,
    current_cid,
    new_cid,
)

from .settings import TopicSettings
from .table import KnownSubscription, Table

if TYPE_CHECKING:
    from .message import Message
    from .pushing import Pusher
    from .store import Store

MOST_PULLED = 1000
"""Messages that one call gives out, and that a subscription has given out at the same time."""
MOST_BYTES = 5_000_000
"""Bytes of messages that one call gives out."""
MOST_SUBSCRIPTIONS = 1000
"""Subscriptions that `subscribe` makes in all."""
LONGEST_ID = 200
KIND = "subscription"
MADE = "sub."
"""How the names of subscriptions begin that `subscribe` makes."""


class MessageOptions(TypedDict, total=False):
    """What a publisher may say of a message, besides its data.

    `priority` is 1 to 9, 5 by default, and higher ones are delivered first; `expiration` is in
    seconds, at most the topic's, which is the default. A message whose `message_id` is there
    already is not published again.
    """

    priority: int
    expiration: float | None
    message_id: str
    correlation_id: str
    in_reply_to: str
    client_id: str
    publisher: str
    mime_type: str


class PubSub:
    """Topics and subscriptions of the cluster.

    Methods raise `Undefined` for a topic or subscription that is not defined, and `Unavailable`
    where Redis does not answer, or there is none.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._store: Store | None = None
        self.table = Table()
        self.pusher: Pusher | None = None

    @property
    def store(self) -> Store:
        """What keeps the messages; raises `Unavailable` where the cluster has no Redis."""
        if self._store is None:
            address = self._server.bus.address
            if address is None:
                raise Unavailable("publish and subscribe needs Redis: load the plugin redis")
            from .store import Store

            self._store = Store(self._server.bus, address)
        return self._store

    # -- publishing --------------------------------------------------------------------------------

    def publish(self, topic: str, data: object, **options: Unpack[MessageOptions]) -> str:
        """Publish a message; returns its id once it is kept for all who subscribed to the topic.

        Data is what JSON holds, or bytes. Raises `TooMany` if the topic has as many messages as it
        may, `TooLarge`, `Invalid` for what JSON cannot hold, and what the service raises that the
        topic names in `before_publish`. Where that keeps the message back, the id is empty.
        """
        from .hooks import before_publish
        from .message import encoded
        from .store import Room

        config = self.topic(topic)
        message = _made(topic, data, config, options)
        if config.before_publish:
            changed = before_publish(self._server, config.before_publish, message)
            if changed is None:
                return ""
            message = changed
        raw = encoded(message)
        if len(raw) > config.max_message:
            raise TooLarge(
                f"the message has {len(raw):,} bytes, more than max_message of the topic {topic!r}, "
                f"which is {config.max_message:,}"
            )
        seconds = message.expires - message.published
        room = Room(config.max_depth, config.max_bytes)
        subscriptions = self.table.subscribed(topic)
        if not self.store.publish(message, raw, seconds, subscriptions, room):
            raise TooMany(
                f"the topic {topic!r} is full: it has max_depth = {config.max_depth:,} messages, or "
                f"max_size = {config.max_size:,} MiB, that some subscription has not acknowledged",
                retry_after=5,
            )
        return message.id

    def topic(self, name: str) -> TopicSettings:
        """Return the settings of a topic; raises `Undefined`."""
        found = self.table.topics.get(name)
        if found is None:
            raise Undefined(f"no topic {name!r} is defined")
        return found.config

    # -- subscribing -------------------------------------------------------------------------------

    def subscribe(self, topic: str, *, security: str = "", by: str = "") -> str:
        """Return the name of a subscription to a topic from which messages are pulled; it is made
        if there is none of this topic and security definition yet.

        Raises `TooMany` when 1000 were made this way.
        """
        self.topic(topic)
        made = [name for name in self.table.subscriptions if name.startswith(MADE)]
        # the same for all who ask at once, in whichever worker
        digest = hashlib.sha256(f"{topic}\0{security}".encode()).hexdigest()
        name = f"{MADE}{digest[:24]}"
        if self._is_made(name, topic, security):
            return name
        if len(made) >= MOST_SUBSCRIPTIONS:
            raise TooMany(f"{MOST_SUBSCRIPTIONS} subscriptions were made by services and callers")
        settings: dict[str, object] = {"topic": topic, "security": security}
        try:
            self._server.definitions.define(KIND, KIND, name, settings, mode="create", by=by)
        except Conflict:
            if name in self.table.subscriptions and not self._is_made(name, topic, security):
                raise  # it was edited
        return name

    def _is_made(self, name: str, topic: str, security: str) -> bool:
        known = self.table.subscriptions.get(name)
        if known is None or known.config.is_pushed:
            return False
        return (known.config.topic, known.config.security) == (topic, security)

    def unsubscribe(self, subscription: str, *, by: str = "") -> None:
        """Delete a subscription that `subscribe` made, with its messages; raises `NotFound`, or
        `Conflict` for one that was defined otherwise.
        """
        self.subscription(subscription)
        if not subscription.startswith(MADE):
            raise Conflict(f"the subscription {subscription!r} is deleted where it was defined")
        self._server.definitions.delete(KIND, KIND, subscription, by=by)

    def subscription(self, name: str) -> KnownSubscription:
        """Return a subscription; raises `NotFound`."""
        found = self.table.subscriptions.get(name)
        if found is None:
            raise NotFound(f"no subscription is named {name!r}")
        return found

    # -- pulling -----------------------------------------------------------------------------------

    def get_messages(
        self, subscription: str, limit: int = 50, *, max_bytes: int = MOST_BYTES
    ) -> list[Message]:
        """Return the next messages of a subscription, those of higher priority first, and of the
        same one in the order of their publication.

        They are given out again after its `ack_timeout` unless they are acknowledged or rejected.
        One that was given out `max_attempts` times stands with the failed messages. Raises
        `Conflict` for a subscription that is paused, or whose messages are pushed.
        """
        config = self.subscription(subscription).config
        if config.is_pushed:
            raise Conflict(f"messages of the subscription {subscription!r} are pushed")
        if config.paused:
            raise Conflict(f"the subscription {subscription!r} is paused")
        wanted = _between("limit", limit, 1, MOST_PULLED)
        found: list[Message] = []
        for delivery in self.store.take(
            subscription,
            "-",
            messages=wanted,
            bytes=min(max(1, max_bytes), MOST_BYTES),
            at_once=MOST_PULLED,
            seconds=config.ack_timeout,
        ):
            message = delivery.message
            if message.attempts <= config.max_attempts:
                found.append(message)
            else:
                cause = f"it was given out {config.max_attempts} times and never acknowledged"
                self.give_up(subscription, message, cause)
        return found

    def acknowledge(self, subscription: str, ids: str | Sequence[str]) -> int:
        """Have done with messages that were given out; returns how many there were."""
        self.subscription(subscription)
        return sum(self.store.settle(subscription, id) for id in _ids(ids))

    def reject(self, subscription: str, ids: str | Sequence[str], cause: str = "") -> int:
        """Have messages given out again at once, or, after `max_attempts`, put with the failed
        ones; returns how many there were.
        """
        config = self.subscription(subscription).config
        done = 0
        for id in _ids(ids):
            message = self.store.given_out(subscription, id)
            if message is None:
                continue
            done += 1
            if message.attempts < config.max_attempts:
                self.store.again(subscription, id, 0)
            else:
                self.give_up(subscription, message, cause or "it was rejected")
        return done

    def give_up(self, subscription: str, message: Message, cause: str, token: str = "") -> None:
        """Put a message with the failed ones, from where it can be delivered again; raises
        `Unavailable` if that cannot be done, and the message stays.
        """
        from .failing import put_with_failed

        put_with_failed(self._server, self.store, subscription, message, cause)
        self.store.settle(subscription, message.id, token, "failed")

    # -- looking -----------------------------------------------------------------------------------

    def depth(self, topic: str) -> int:
        """Return how many messages of a topic some subscription has not acknowledged."""
        return self.store.depth(topic)

    def waiting(self, subscription: str) -> int:
        """Return how many messages of a subscription are not acknowledged."""
        return self.store.waiting(subscription)

    def close(self) -> None:
        """Close the connections."""
        if self._store is not None:
            self._store.close()


_is_printable = re.compile(r"[\x20-\x7e]*").fullmatch  # it stands in a header of HTTP


def _made(topic: str, data: object, config: TopicSettings, options: Mapping[str, Any]) -> Message:
    """Return a message with what is known of it; raises `Invalid`."""
    from .message import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY, Message

    if data is None:
        raise Invalid({"data": "is missing"})
    given = dict(options)
    priority = given.pop("priority", DEFAULT_PRIORITY)
    expiration = given.pop("expiration", None)
    seconds = config.expiry if expiration is None else _seconds(expiration, config.expiry)
    id = given.pop("message_id", "") or f"msg.{uuid.uuid4().hex}"
    for name, value in (("message_id", id), *given.items()):
        if not isinstance(value, str) or len(value) > LONGEST_ID:
            raise Invalid({name: f"is no text of at most {LONGEST_ID} characters"})
    if not _is_printable(given.get("mime_type", "")):
        raise Invalid({"mime_type": "has a character that is not printable ASCII"})
    given["publisher"] = given.get("publisher") or current_caller().service
    cid = current_cid.get()
    now = time.time()
    is_bytes = isinstance(data, bytes | bytearray | memoryview)
    return Message(
        id=id,
        topic=topic,
        data=None if is_bytes else data,
        raw=bytes(data) if isinstance(data, bytes | bytearray | memoryview) else None,
        priority=_between("priority", priority, LOWEST_PRIORITY, HIGHEST_PRIORITY),
        published=now,
        expires=now + seconds,
        cid=new_cid() if cid == "-" else cid,
        **given,
    )


def _seconds(given: object, longest: float) -> float:
    """Return an expiration, at most that of the topic; raises `Invalid`."""
    # NaN is not above anything
    if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
        raise Invalid({"expiration": "is no number of seconds above 0"})
    return min(float(given), longest)


def _between(name: str, given: object, least: int, most: int) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
        raise Invalid({name: f"is no whole number from {least} to {most}"})
    return given


def _ids(ids: str | Sequence[str]) -> list[str]:
    return [ids] if isinstance(ids, str) else list(ids)
