"""What may be a topic, a filter of topics, or the name of a group (MQTT 5, section 4.7)."""

from __future__ import annotations

LONGEST = 65_535
"""Bytes of a text in MQTT (section 1.5.4)."""


def topic_fault(topic: object) -> str:
    """Return why nothing can be published to a topic; empty if it can."""
    fault = text_fault(topic)
    if fault or not isinstance(topic, str):
        return fault
    if not topic:
        return "is empty"
    if "+" in topic or "#" in topic:
        return "has a wildcard: + and # are for subscriptions"
    return ""


def filter_fault(topic: str) -> str:
    """Return why nothing can be subscribed to by a filter; empty if it can."""
    fault = text_fault(topic)
    if fault:
        return fault
    levels = topic.split("/")
    if levels[0] == "$share":
        return "names a group: put it into the setting share"
    if "#" in "/".join(levels[:-1]) or ("#" in levels[-1] and levels[-1] != "#"):
        return "has a # that is not its whole last level"
    if any("+" in level and level != "+" for level in levels):
        return "has a + that is not a whole level"
    return ""


def share_fault(group: str) -> str:
    """Return why a group cannot have a name; empty if it can."""
    if any(character in group for character in "/+#"):
        return "must not have a /, + or # (MQTT 5, section 4.8.2)"
    return text_fault(group)


def text_fault(text: object) -> str:
    """Return why MQTT has no such text; empty if it has."""
    if not isinstance(text, str):
        return f"must be text, not {type(text).__name__}"
    if "\0" in text:
        return "has a null character"
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        return "has characters that UTF-8 does not have"
    return f"has {length} bytes, and may have {LONGEST}" if length > LONGEST else ""
