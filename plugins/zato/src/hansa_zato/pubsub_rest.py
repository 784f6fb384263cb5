"""Publish and subscribe over HTTP, at the addresses and in the shapes of Zato 2 and of Zato 3.

Who may publish to a topic, and who may subscribe to it, is said by the topic; whose messages may be
had, by the subscription.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from .constants import ZATO_OK
from .dialect.exceptions import BadRequest, Forbidden
from .dialect.service import Service
from .payloads import PlainDict, Value
from .pubsub import described, metadata_of, options_of
from .section import ZatoSection

if TYPE_CHECKING:
    from hansa import Server
    from hansa_pubsub.settings import TopicSettings

KEY_HEADER = "x-zato-pubsub-key"
MOST = 1000
"""Messages that one request gets."""


class _PubSubService(Service):
    """What all of these services ask of a message and its caller."""

    abstract: ClassVar[bool] = True

    @property
    def caller(self) -> str:
        """The security definition that vouches for the caller."""
        return str(getattr(self.core.principal, "definition", "") or "")

    def param(self, name: str) -> str:
        """Return what the path or the query says, empty if they do not."""
        value = self.request.channel_params.get(name, "")
        return str(value[0] if isinstance(value, list) else value)

    def topic_name(self) -> str:
        """Return the topic of the path, with a slash before it if it has one."""
        name = self.param("topic_name").rstrip("/")
        known = self.pubsub.topics.table.topics
        return f"/{name}" if name not in known and f"/{name}" in known else name

    def allowed_topic(self, right: str) -> str:
        """Return the topic of the path; raises `Forbidden` alike for one that is not there, and for
        one that the caller has no right to.
        """
        name = self.topic_name()
        known = self.pubsub.topics.table.topics.get(name)
        if known is None or self.caller not in _allowed(known.config, right):
            raise Forbidden(self.cid)
        return name

    def own_subscription(self) -> str:
        """Return the subscription whose key the caller sends; raises `Forbidden` unless it is the
        caller's.
        """
        key = self.param("sub_key") or self.core.headers.get(KEY_HEADER, "")
        if not key:
            raise BadRequest(self.cid, "the subscription key is missing", needs_msg=True)
        known = self.pubsub.topics.table.subscriptions.get(key)
        if known is None or not self.caller or known.config.security != self.caller:
            raise Forbidden(self.cid)
        return key

    def whole(self, name: str, default: int, most: int) -> int:
        """Return a whole number of the query, at most `most`; raises `BadRequest`."""
        text = self.param(name)
        if not text:
            return default
        if not text.isascii() or not text.isdigit():
            raise BadRequest(self.cid, f"`{name}` is no whole number", needs_msg=True)
        return min(int(text[:9]), most)


class Topic(_PubSubService):
    """Publishes to a topic, and gets messages of a subscription."""

    name: ClassVar[str] = "zato.pubsub.pubapi.topic-service"

    def handle_POST(self) -> None:
        """Publish: an object with `data`, as in Zato 3, or a whole body, as in Zato 2."""
        if self.param("sub_key"):
            self.handle_PATCH()
            return
        topic = self.allowed_topic("publishers")
        body = self.request.payload
        if isinstance(body, dict) and "data" in body:
            options = options_of({**body, "mime_type": body.get("mime_type")})
            id = self._publish(topic, body["data"], dict(options))
            self.response.payload = {"msg_id": id}
            return
        data = self.request.raw_request if body in (None, "") else body
        if data in (None, "", b""):
            raise BadRequest(self.cid, "No data sent on input", needs_msg=True)
        given: PlainDict = {"mime_type": self.param("mime_type") or None}
        for name, most in (("priority", 9), ("expiration", 10**9)):
            if self.param(name):
                given[name] = self.whole(name, 0, most)
        id = self._publish(topic, data, dict(options_of(given)))
        self.response.payload = {"status": ZATO_OK, "msg_id": id}

    def handle_PATCH(self) -> None:
        """Answer messages of a subscription, which are then done with, as in Zato 3."""
        key = self.own_subscription()
        self.response.payload = self.pubsub.get_messages(self.topic_name(), key)

    def _publish(self, topic: str, data: Value, options: PlainDict) -> str:
        return self.pubsub.topics.publish(topic, data, publisher=self.caller, **options)


class Subscribe(_PubSubService):
    """Subscribes to a topic, and ends that."""

    name: ClassVar[str] = "zato.pubsub.pubapi.subscribe-service"

    def handle_POST(self) -> None:
        """Answer the key of the caller's subscription, which is made if there is none."""
        topic = self.allowed_topic("subscribers")
        topics = self.pubsub.topics
        key = topics.subscribe(topic, security=self.caller, by=self.caller)
        self.response.payload = {"sub_key": key, "queue_depth": topics.waiting(key)}

    def handle_DELETE(self) -> None:
        """Delete the caller's subscription, with its messages."""
        self.allowed_topic("subscribers")
        self.pubsub.topics.unsubscribe(self.own_subscription(), by=self.caller)


class Messages(_PubSubService):
    """Gets messages of a subscription, and acknowledges or rejects them, as in Zato 2."""

    name: ClassVar[str] = "zato.pubsub.rest-handler"

    def handle_POST(self) -> None:
        """Answer messages that are to be acknowledged."""
        key = self.own_subscription()
        found = self.pubsub.topics.get_messages(key, max(1, self.whole("max", 50, MOST)))
        messages = [described(message, key) for message in found]
        if self.param("dir") == "lifo":
            messages.reverse()
        results = [{"metadata": metadata_of(one), "payload": one.data} for one in messages]
        count = len(results)
        self.response.payload = {"status": ZATO_OK, "results_count": count, "results": results}

    def handle_DELETE(self) -> None:
        """Acknowledge or reject a message."""
        key = self.own_subscription()
        id = self.param("item").rstrip("/")
        if self.param("reject"):
            self.pubsub.reject(key, id)
        else:
            self.pubsub.acknowledge(key, id)
        self.response.payload = {"status": ZATO_OK}


SERVICES: tuple[type[Service], ...] = (Topic, Subscribe, Messages)


def pubsub_channels(server: Server) -> list[tuple[str, str, str, PlainDict]]:
    """Return the channels, if `[zato] pubsub_security` names who may call them."""
    security = server.section(ZatoSection).pubsub_security
    if not security or "pubsub" not in server.plugins.loaded:
        return []
    paths = {
        Topic.name: "/zato/pubsub/topic/{topic_name}",
        Subscribe.name: "/zato/pubsub/subscribe/topic/{topic_name}",
        Messages.name: "/zato/pubsub/msg/{item}",
    }
    common = {"format": "json", "security": security, "match_slash": True}
    return [
        ("channel", "http", name, {"url_path": path, "service": name, **common})
        for name, path in paths.items()
    ]


def _allowed(config: TopicSettings, right: str) -> list[str]:
    return config.publishers if right == "publishers" else config.subscribers
