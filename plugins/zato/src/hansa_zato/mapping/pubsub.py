"""Topics, who may publish and subscribe to them, and subscriptions, as files of Zato 4 have them."""

from __future__ import annotations

import re
from typing import Final

from ..payloads import PlainDict
from .mapping import Mapping
from .parts import Custom, Field, Reading, Remark, Unused, Writing
from .values import INTEGER, lines_of

PERMISSION: Final = "pubsub_permission"
"""The key of files under which it is said who may publish and subscribe to which topics."""
SUBSCRIPTION: Final = "pubsub_subscription"
ACCESS: Final = {"pub": "publishers", "sub": "subscribers"}
"""The keys of a permission, each with the setting of a topic that it is here."""
MOST_WILDCARDS: Final = 10
"""Wildcards that a pattern of topics may have."""

_WILDCARD: Final = re.compile(r"\*\*|\*|#")


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic is one of a pattern: `*` is a part of its name, `**` and `#` are any text."""
    if len(_WILDCARD.findall(pattern)) > MOST_WILDCARDS:
        return False
    parts = [re.escape(part) for part in _WILDCARD.split(pattern)]
    wild = ["[^./]*" if found == "*" else ".*" for found in _WILDCARD.findall(pattern)]
    text = "".join(part + more for part, more in zip(parts, [*wild, ""], strict=True))
    return re.fullmatch(text, topic) is not None


def has_wildcard(pattern: str) -> bool:
    """Whether a pattern is one of several topics."""
    return _WILDCARD.search(pattern) is not None


def _pattern(topic: object) -> str:
    """Return a pattern of Zato as one of hansa-pubsub."""
    return str(topic).replace("#", "**")


def by_topic(item: PlainDict) -> list[PlainDict]:
    """Return a subscription as one of each of its topics, with a name, which files do not give it."""
    topics = item.get("topic_list")
    owner = item.get("security") or item.get("endpoint_name") or ""
    given = item.get("name")
    if not isinstance(topics, list) or not topics:
        return [{"name": given or str(owner), **item}]
    return [
        {
            **item,
            "name": str(given)
            if given and len(topics) == 1
            else f"{given or owner}.{_pattern(topic)}",
            "topic_list": [topic],
        }
        for topic in topics
    ]


def _read_topic(reading: Reading) -> None:
    reading.settings["topic"] = str(reading.item.get("topic") or reading.name)
    for setting in ACCESS.values():
        if reading.item.get(setting):
            reading.settings[setting] = reading.item[setting]


def _write_topic(writing: Writing) -> None:
    topic = str(writing.settings.get("topic") or writing.name)
    if writing.generation != "minimal":
        writing.put("topic", topic)
        return
    writing.item["name"] = topic
    for key, setting in ACCESS.items():
        for name in writing.settings.get(setting) or []:
            writing.permissions.setdefault(name, {}).setdefault(key, []).append(topic)


TOPIC: Final = Mapping(
    "pubsub_topic",
    "topic",
    "topic",
    (
        Custom((), ("topic", *ACCESS.values()), _read_topic, _write_topic),
        Field("max_depth", "max_depth", INTEGER),
        Unused("description", "definitions have no description"),
    ),
    minimal="pubsub_topic",
    only_minimal=True,
    quiet=frozenset({"topic", *ACCESS.values()}),
)


def _read_topics(reading: Reading) -> None:
    if reading.first(("endpoint_name", "endpoint_id")) is not None:
        why = "it belongs to an endpoint of 3.x, and subscriptions here to a security definition"
        instead = "`hansa subscription create NAME --topic TOPIC`"
        reading.remarks.append(Remark("lost", "endpoint_name", why, instead, "W20"))
        return
    topics = lines_of(reading.first(("topic_list", "topic_name")) or [])
    if len(topics) != 1:
        reading.fault("topic_list", "is required: a list of topics")
        return
    reading.settings["topic"] = _pattern(topics[0])


def _write_topics(writing: Writing) -> None:
    topic = str(writing.settings.get("topic", ""))
    writing.put("topic_list", [topic])
    owner = writing.settings.get("security")
    if writing.generation != "minimal":
        return
    if writing.name == f"{owner}.{topic}":
        del writing.item["name"]
    if not owner:
        writing.lost("security", "subscriptions of Zato belong to one: it is to be added")


_PUSHED: Final = {
    "push_service": ("service", "service"),
    "push_rest_endpoint": ("http", "outgoing"),
}


def _read_delivery(reading: Reading) -> None:
    delivery = str(reading.first(("delivery_type",)) or "pull")
    if delivery not in ("pull", "push"):
        reading.fault("delivery_type", f"{delivery!r} is neither pull nor push")
        return
    given = [key for key in _PUSHED if reading.item.get(key)]
    if delivery == "pull":
        return
    if len(given) != 1:
        reading.fault("delivery_type", f"push needs one of {' and '.join(_PUSHED)}")
        return
    deliver_to, setting = _PUSHED[given[0]]
    reading.settings["deliver_to"] = deliver_to
    reading.settings[setting] = str(reading.item[given[0]])


def _write_delivery(writing: Writing) -> None:
    deliver_to = writing.settings.get("deliver_to", "pull")
    writing.put("delivery_type", "pull" if deliver_to == "pull" else "push")
    for key, (target, setting) in _PUSHED.items():
        if deliver_to == target:
            writing.put(key, writing.settings.get(setting))


_SUBSCRIPTION: Final = Mapping(
    SUBSCRIPTION,
    "subscription",
    "subscription",
    (
        Custom(("topic_list",), ("topic",), _read_topics, _write_topics),
        Field("security", "security"),
        Custom(
            ("delivery_type", *_PUSHED, "push_type"),
            ("deliver_to", "service", "outgoing"),
            _read_delivery,
            _write_delivery,
        ),
        Unused(
            "max_retry_time",
            "attempts are counted here",
            "its settings max_attempts, first_delay and last_delay",
        ),
    ),
    minimal=SUBSCRIPTION,
    only_minimal=True,
    quiet=frozenset({"topic_name", "endpoint_name", "endpoint_id"}),
)

PUBSUB: Final = (TOPIC, _SUBSCRIPTION)
