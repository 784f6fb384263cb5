"""The topics and subscriptions of a worker, as its definitions give them."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass

from .settings import SubscriptionSettings, TopicSettings

MOST_REMEMBERED = 10_000
"""Topics whose subscriptions are remembered at once."""
_WILDCARD = re.compile(r"\*\*|\*")


@dataclass(frozen=True, slots=True)
class KnownTopic:
    """A topic and the object that brought it."""

    owner: object
    config: TopicSettings


@dataclass(frozen=True, slots=True)
class KnownSubscription:
    """A subscription, the object that brought it, and what matches the topics it is of."""

    owner: object
    name: str
    config: SubscriptionSettings
    topics: re.Pattern[str]


class Table:
    """Topics by name and subscriptions by name; every change replaces a whole table, so that
    readers need no lock. `changed` is set when there is a new subscription; `dropped` are those that
    are gone, by the time of `time.monotonic` since when.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.changed = threading.Event()
        self.topics: dict[str, KnownTopic] = {}
        self.subscriptions: dict[str, KnownSubscription] = {}
        self.dropped: dict[str, float] = {}
        self._remembered: dict[str, list[str]] = {}

    def put_topic(self, owner: object, config: TopicSettings) -> None:
        """Have a topic count, in place of that of another owner."""
        with self._lock:
            self.topics = {**self.topics, config.topic: KnownTopic(owner, config)}

    def drop_topic(self, owner: object, topic: str) -> None:
        """Have a topic count no more, unless another owner took its place."""
        with self._lock:
            found = self.topics.get(topic)
            if found is not None and found.owner is owner:
                self.topics = {name: one for name, one in self.topics.items() if name != topic}

    def put_subscription(self, owner: object, name: str, config: SubscriptionSettings) -> None:
        """Have a subscription count, in place of that of another owner."""
        with self._lock:
            made = KnownSubscription(owner, name, config, pattern_of(config.topic))
            self.subscriptions = {**self.subscriptions, name: made}
            self._remembered = {}

    def drop_subscription(self, owner: object, name: str) -> None:
        """Have a subscription count no more, unless another owner took its place."""
        with self._lock:
            found = self.subscriptions.get(name)
            if found is not None and found.owner is owner:
                kept = {key: one for key, one in self.subscriptions.items() if key != name}
                self.subscriptions = kept
                self.dropped = {**self.dropped, name: time.monotonic()}
                self._remembered = {}

    def forget_dropped(self, name: str) -> None:
        """Have a subscription not be among those that are gone."""
        with self._lock:
            self.dropped = {key: since for key, since in self.dropped.items() if key != name}

    def subscribed(self, topic: str) -> list[str]:
        """Return the names of the subscriptions that get the messages of a topic, sorted."""
        remembered = self._remembered
        found = remembered.get(topic)
        if found is None:
            subscriptions = self.subscriptions.values()
            found = sorted(one.name for one in subscriptions if one.topics.fullmatch(topic))
            if len(remembered) < MOST_REMEMBERED:
                # PERF: of a table that was replaced meanwhile it is not remembered
                remembered[topic] = found
        return found

    def pushed(self) -> list[KnownSubscription]:
        """Return the subscriptions whose messages are to be pushed now."""
        found = self.subscriptions.values()
        return [one for one in found if one.config.is_pushed and not one.config.paused]


def pattern_of(text: str) -> re.Pattern[str]:
    """Return what matches the topics of a subscription: `*` is any text without dots and slashes,
    `**` any text.
    """
    parts: list[str] = []
    at = 0
    for found in _WILDCARD.finditer(text):
        parts.append(re.escape(text[at : found.start()]))
        parts.append(".*" if found[0] == "**" else "[^./]*")
        at = found.end()
    return re.compile("".join([*parts, re.escape(text[at:])]))
