"""The admin services of messages: `admin.pubsub.{status,publish,list,get,clear}`."""

from __future__ import annotations

from typing import Annotated, Any

from hansa import Model, NotFound, Server, Undefined, fields, setting
from hansa_admin.operation import Operation

from .message import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY, Message
from .publishing import LONGEST_ID, PubSub
from .settings import LONGEST_EXPIRY
from .table import KnownSubscription


class AskedSubscription(Model):
    """Which subscription is meant."""

    subscription: Annotated[
        str, setting("Name of the subscription", example="billing", min_length=1)
    ]


class AskedPage(AskedSubscription):
    """Which messages to list."""

    offset: Annotated[int, setting("Number to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number to return", ge=1, le=1000)] = 100


class AskedMessage(Model):
    """Which message is meant."""

    id: Annotated[str, setting("Id of the message", min_length=1, max_length=LONGEST_ID)]


class NewMessage(Model):
    """A message to be published."""

    topic: Annotated[str, setting("Name of the topic", example="orders.new", min_length=1)]
    data: Annotated[Any, setting("Data of the message")]
    priority: Annotated[
        int,
        setting(
            "Priority; higher ones are delivered first", ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY
        ),
    ] = DEFAULT_PRIORITY
    expiration: Annotated[
        Annotated[float, setting("Seconds", gt=0, le=LONGEST_EXPIRY)] | None,
        setting("Seconds after which it expires; without it, and at most, as the topic says"),
    ] = None


class Published(Model):
    """What was published."""

    id: Annotated[
        str, setting("Id of the message; empty if the service before_publish kept it back")
    ]


class ListedMessage(Model):
    """What is known of a message, without its data."""

    id: Annotated[str, setting("Its id")]
    topic: Annotated[str, setting("Its topic")]
    priority: Annotated[int, setting("Its priority")]
    published: Annotated[float, setting("When it was published, in seconds since the epoch")]
    expires: Annotated[float, setting("When it expires, in seconds since the epoch")]
    attempts: Annotated[int, setting("How often it was given out")]
    cid: Annotated[str, setting("Correlation id of its publication")]
    publisher: Annotated[str, setting("Security definition or service that published it")]


class Messages(Model):
    """A page of messages."""

    items: Annotated[list[ListedMessage], setting("Messages in the order of their delivery")]
    total: Annotated[int, setting("Number of messages on all pages")]


class ReadMessage(ListedMessage):
    """A message with its data."""

    data: Annotated[Any, setting("Its data; null for bytes")]
    raw: Annotated[str | None, setting("Its data in Base64, if it is bytes")]


class ListedTopic(Model):
    """A topic, and what has been counted."""

    topic: Annotated[str, setting("Its name")]
    messages: Annotated[int, setting("Messages that some subscription has not acknowledged")]
    bytes: Annotated[int, setting("Bytes of these")]
    published: Annotated[int, setting("Messages that were published")]
    refused: Annotated[int, setting("Messages that were refused since it was full")]
    unsubscribed: Annotated[int, setting("Messages that were published while nobody subscribed")]
    subscriptions: Annotated[list[str], setting("Subscriptions that get its messages")]


class ListedSubscription(Model):
    """A subscription, and what has been counted."""

    name: Annotated[str, setting("Its name")]
    topic: Annotated[str, setting("Its topic, or the pattern of topics")]
    deliver_to: Annotated[str, setting("Where messages go")]
    messages: Annotated[int, setting("Messages that are not acknowledged")]
    delivered: Annotated[int, setting("Messages that were acknowledged")]
    retried: Annotated[int, setting("Attempts that failed and were repeated")]
    failed: Annotated[int, setting("Messages put with the failed ones")]
    expired: Annotated[int, setting("Messages that expired before they were acknowledged")]
    skipped: Annotated[int, setting("Messages that the service before_delivery had left out")]


class Status(Model):
    """All topics and subscriptions."""

    topics: Annotated[list[ListedTopic], setting("Topics, by name")]
    subscriptions: Annotated[list[ListedSubscription], setting("Subscriptions, by name")]


class Cleared(Model):
    """What was deleted."""

    deleted: Annotated[int, setting("Number of messages that were deleted")]


class PubSubStatus(Operation):
    """List topics and subscriptions with what they hold and what has been counted."""

    name = "admin.pubsub.status"
    right = "view"
    Output = Status

    def handle(self) -> Status:
        """Return all."""
        pubsub = self.server.resource(PubSub)
        table = pubsub.table
        counts = pubsub.store.counts()
        topics = [_topic(pubsub, name, counts) for name in sorted(table.topics)]
        subscriptions = sorted(table.subscriptions.values(), key=lambda one: one.name)
        found = [_subscription(pubsub, known, counts) for known in subscriptions]
        return Status(topics=topics, subscriptions=found)


class PubSubPublish(Operation):
    """Publish a message to a topic."""

    name = "admin.pubsub.publish"
    right = "invoke"
    Input = NewMessage
    Output = Published

    def handle(self) -> Published:
        """Publish it; raises `NotFound`, `TooMany`, `TooLarge`."""
        asked: NewMessage = self.request.input
        pubsub = self.server.resource(PubSub)
        try:
            pubsub.topic(asked.topic)
        except Undefined as error:
            raise NotFound(error.detail) from None
        id = pubsub.publish(
            asked.topic,
            asked.data,
            priority=asked.priority,
            expiration=asked.expiration,
            publisher=self.caller,
        )
        return Published(id=id)


class PubSubList(Operation):
    """List messages of a subscription, without their data."""

    name = "admin.pubsub.list"
    right = "view"
    Input = AskedPage
    Output = Messages

    def handle(self) -> Messages:
        """Return a page; raises `NotFound`."""
        asked: AskedPage = self.request.input
        pubsub = _pubsub_with(self.server, asked.subscription)
        found = pubsub.store.browse(asked.subscription, asked.offset, asked.limit)
        items = [_listed(message) for message in found]
        return Messages(items=items, total=pubsub.waiting(asked.subscription))


class PubSubGet(Operation):
    """Read a message that some subscription has not acknowledged."""

    name = "admin.pubsub.get"
    right = "payloads"
    Input = AskedMessage
    Output = ReadMessage

    def handle(self) -> ReadMessage:
        """Return it; raises `NotFound`."""
        asked: AskedMessage = self.request.input
        message = self.server.resource(PubSub).store.message(asked.id)
        if message is None:
            raise NotFound(f"there is no message {asked.id!r}")
        plain = message.plain()
        return ReadMessage(**_known(message), data=plain["data"], raw=plain["raw"])


class PubSubClear(Operation):
    """Delete all messages of a subscription."""

    name = "admin.pubsub.clear"
    right = "operate"
    Input = AskedSubscription
    Output = Cleared

    def handle(self) -> Cleared:
        """Delete them; raises `NotFound`."""
        asked: AskedSubscription = self.request.input
        pubsub = _pubsub_with(self.server, asked.subscription)
        return Cleared(deleted=pubsub.store.empty(asked.subscription))


def _pubsub_with(server: Server, subscription: str) -> PubSub:
    """Return publish and subscribe, which know a subscription; raises what `subscription` does."""
    pubsub = server.resource(PubSub)
    pubsub.subscription(subscription)
    return pubsub


def _known(message: Message) -> dict[str, Any]:
    about = message.about()
    return {field.name: about[field.name] for field in fields(ListedMessage)}


def _listed(message: Message) -> ListedMessage:
    return ListedMessage(**_known(message))


def _topic(pubsub: PubSub, name: str, counts: dict[str, int]) -> ListedTopic:
    return ListedTopic(
        topic=name,
        messages=counts.get(f"count {name}", 0),
        bytes=counts.get(f"bytes {name}", 0),
        published=counts.get(f"published {name}", 0),
        refused=counts.get(f"refused {name}", 0),
        unsubscribed=counts.get(f"unsubscribed {name}", 0),
        subscriptions=pubsub.table.subscribed(name),
    )


def _subscription(
    pubsub: PubSub, known: KnownSubscription, counts: dict[str, int]
) -> ListedSubscription:
    # as it was found: one that is deleted meanwhile must not cost the others
    name, config = known.name, known.config
    return ListedSubscription(
        name=name,
        topic=config.topic,
        deliver_to=config.deliver_to,
        messages=pubsub.waiting(name),
        delivered=counts.get(f"delivered {name}", 0),
        retried=counts.get(f"retried {name}", 0),
        failed=counts.get(f"failed {name}", 0),
        expired=counts.get(f"expired {name}", 0),
        skipped=counts.get(f"skipped {name}", 0),
    )


OPERATIONS: tuple[type[Operation], ...] = (
    PubSubStatus,
    PubSubPublish,
    PubSubList,
    PubSubGet,
    PubSubClear,
)
