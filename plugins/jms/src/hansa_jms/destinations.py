"""Names of queues and topics as STOMP has them: `/queue/NAME`, `/topic/NAME`."""

from __future__ import annotations

LONGEST = 500
"""Characters of a destination, at most."""
_KINDS = ("/queue/", "/topic/", "/temp-queue/", "/temp-topic/")
_ANSWERS = ("/remote-temp-queue/", "/remote-temp-topic/")
"""Temporary destinations of other clients, which have any characters in their names."""
_NO_NAME = "\r\n\0"
_MEANS_MORE = ",?*>"


def destination_of(given: str) -> str:
    """Return a destination of STOMP: a name without a kind before it is that of a queue."""
    if given.startswith((*_KINDS, *_ANSWERS)):
        return given
    return f"/queue/{given}"


def fault_of_destination(given: object) -> str:
    """Return what is wrong with a destination that messages are sent to."""
    if not isinstance(given, str):
        return f"must be text, not {type(given).__name__}"
    if not given:
        return "is required where the settings name neither queue nor topic"
    if len(given) > LONGEST:
        return f"has more than {LONGEST} characters"
    if any(each in given for each in _NO_NAME):
        return "has a line break or a NUL"
    if given.startswith(_ANSWERS):
        return ""
    if any(each in given for each in _MEANS_MORE):
        return f"has one of {' '.join(_MEANS_MORE)}, which mean more than a name to brokers"
    name = destination_of(given).split("/", 2)[2]
    return "" if name else "has no name"
