"""`self.pubsub` as services of the Zato dialect use it, over the topics of hansa-pubsub."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from hansa import Invalid, NotFound, Undefined

from .bunch import Bunch
from .payloads import Value

if TYPE_CHECKING:
    from hansa import Server
    from hansa_pubsub.message import Message
    from hansa_pubsub.publishing import MessageOptions, PubSub as Topics

OPTIONS = {
    "priority": "priority",
    "expiration": "expiration",
    "msg_id": "message_id",
    "correl_id": "correlation_id",
    "in_reply_to": "in_reply_to",
    "ext_client_id": "client_id",
    "client_id": "client_id",
    "mime_type": "mime_type",
}
"""Zato's names of what is said of a message, and those of hansa-pubsub."""


class PubSub:
    """Publish, subscribe and have messages one asks for, with the arguments of Zato 2 and of Zato 3.

    A subscription key is the name of a subscription.
    """

    def __init__(self, server: Server, cid: str) -> None:
        self._server = server
        self._cid = cid

    @property
    def topics(self) -> Topics:
        """What hansa-pubsub offers; raises `Undefined` where that plugin is not loaded."""
        try:
            return cast("Topics", self._server.registry.attribute("pubsub"))
        except NotFound:
            raise Undefined("self.pubsub needs the plugin pubsub") from None

    def publish(self, *arguments: Value, **options: Value) -> str:
        """Publish a message; returns its id.

        `publish(topic, data=..., priority=..., ...)` as in Zato 3, or `publish(payload, topic, ...)`
        as in Zato 2. A service, named or as a class, is a topic whose messages it gets.
        """
        topic, data = self._topic_and_data(list(arguments), options)
        if topic not in self.topics.table.topics and self._is_service(topic):
            return self._server.invoke_async(topic, data, cid=self._cid)
        return self.topics.publish(topic, data, **options_of(options))

    def subscribe(self, *arguments: Value, **options: Value) -> str:
        """Return the key of a subscription to a topic, which is made if there is none:
        `subscribe(topic)` as in Zato 3, or `subscribe(client_id, [topic], ...)` as in Zato 2.
        """
        wanted = options.get("topics") or (arguments[-1] if arguments else None)
        if wanted is None:
            wanted = options.get("topic_name") or options.get("name")
        names = [wanted] if isinstance(wanted, str) else list(wanted or [])
        if len(names) != 1:
            raise Invalid("subscribe is called for one topic; define a subscription of a pattern")
        return self.topics.subscribe(str(names[0]))

    def unsubscribe(self, sub_key: str) -> None:
        """Delete a subscription that `subscribe` made."""
        self.topics.unsubscribe(sub_key)

    def get_messages(
        self, topic_name: str = "", sub_key: str = "", *args: Value, **options: Value
    ) -> list[Bunch]:
        """Return the messages of a subscription, and have done with them, as Zato 3 does."""
        found = self.topics.get_messages(sub_key or topic_name)
        self.topics.acknowledge(sub_key or topic_name, [message.id for message in found])
        return [described(message, sub_key) for message in found]

    def get(
        self,
        sub_key: str,
        max_batch_size: int = 50,
        is_fifo: bool = True,
        get_format: str = "object",
        **options: Value,
    ) -> list[Bunch]:
        """Return messages of a subscription, to be acknowledged, as Zato 2 does."""
        found = self.topics.get_messages(sub_key, max_batch_size)
        messages = [described(message, sub_key) for message in found]
        return messages if is_fifo else messages[::-1]

    def acknowledge(self, sub_key: str, ids: str | Sequence[str]) -> int:
        """Have done with messages."""
        return self.topics.acknowledge(sub_key, ids)

    def reject(self, sub_key: str, ids: str | Sequence[str]) -> int:
        """Have messages given out again."""
        return self.topics.reject(sub_key, ids)

    def _topic_and_data(
        self, arguments: list[Value], options: dict[str, Value]
    ) -> tuple[str, Value]:
        """Take the topic and the data from the arguments of Zato 2 or of Zato 3."""
        data = options.pop("data", None)
        topic = options.pop("topic", None) or options.pop("topic_name", None)
        topic = topic or options.pop("name", None)
        if data is None:
            data = options.pop("payload", None)
        if topic is None and len(arguments) == 2 and not self._is_topic(arguments[0]):
            arguments.reverse()  # of Zato 2, which names the topic last
        if topic is None and arguments:
            topic = arguments.pop(0)
        if data is None and arguments:
            data = arguments.pop(0)
        return self._name_of(topic), data

    def _is_topic(self, given: Value) -> bool:
        name = self._name_of(given)
        return name in self.topics.table.topics or self._is_service(name)

    def _is_service(self, name: str) -> bool:
        try:
            self._server.registry.service(name)
        except NotFound:
            return False
        return True

    @staticmethod
    def _name_of(given: Value) -> str:
        get_name = getattr(given, "get_name", None)
        return str(get_name()) if isinstance(given, type) and get_name else str(given)


def options_of(options: dict[str, Value]) -> MessageOptions:
    """Return what Zato says of a message by the names of hansa-pubsub; what is empty is left out."""
    found = {
        name: options[key] for key, name in OPTIONS.items() if options.get(key) not in (None, "")
    }
    return cast("MessageOptions", found)


def described(message: Message, sub_key: str = "") -> Bunch:
    """Return a message with the names that Zato 3, and `payload` that Zato 2 has."""
    return Bunch(
        msg_id=message.id,
        pub_msg_id=message.id,
        topic_name=message.topic,
        topic=message.topic,
        data=message.content,
        payload=message.content,
        priority=message.priority,
        mime_type=message.mime_type or "text/plain",
        correl_id=message.correlation_id,
        in_reply_to=message.in_reply_to,
        ext_client_id=message.client_id,
        publisher=message.publisher,
        sub_key=sub_key,
        delivery_count=message.attempts,
        expiration=round(message.expires - message.published),
        pub_time_iso=_iso(message.published),
        expiration_time_iso=_iso(message.expires),
    )


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


def metadata_of(message: Bunch) -> dict[str, Value]:
    """Return what Zato 2 says of a message over HTTP, besides its payload."""
    names: Iterable[str] = (
        "msg_id",
        "topic",
        "priority",
        "mime_type",
        "expiration",
        "delivery_count",
        "pub_time_iso",
        "expiration_time_iso",
    )
    return {name: message[name] for name in names}
