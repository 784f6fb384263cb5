"""A message, and how it is written into Redis and read again."""

from __future__ import annotations

from typing import Any

import msgspec
from hansa import Invalid
from hansa_json.writing import write_with_secrets

LOWEST_PRIORITY = 1
HIGHEST_PRIORITY = 9
DEFAULT_PRIORITY = 5


class Message(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A message that was published.

    `data` is what JSON holds, `raw` the data of one of bytes. Times are seconds since the epoch.
    `publisher` is the security definition of its caller, or, where a plugin counts calls, the service;
    `client_id`, `correlation_id` and `in_reply_to` are what the publisher says. `attempts` counts how
    often it was given out, this time included; 0 for one that was not.
    """

    id: str
    topic: str
    data: Any = None
    raw: bytes | None = None
    priority: int = DEFAULT_PRIORITY
    published: float = 0.0
    expires: float = 0.0
    cid: str = ""
    correlation_id: str = ""
    in_reply_to: str = ""
    client_id: str = ""
    publisher: str = ""
    mime_type: str = ""
    attempts: int = 0

    @property
    def content(self) -> object:
        """The data, whichever form it has."""
        return self.data if self.raw is None else self.raw

    def about(self) -> dict[str, Any]:
        """Return all that is known of the message but its data."""
        known = msgspec.structs.asdict(self)
        return {name: value for name, value in known.items() if name not in ("data", "raw")}

    def plain(self) -> dict[str, Any]:
        """Return the message as JSON has it: bytes as Base64 in `raw`, null without."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {**self.about(), "data": found.get("data"), "raw": found.get("raw")}


_decode = msgspec.json.Decoder(Message).decode


def encoded(message: Message) -> bytes:
    """Return a message as it is stored; raises `Invalid` for data that JSON cannot hold."""
    try:
        return write_with_secrets(message)
    except Invalid as invalid:
        raise Invalid({"data": f"cannot be published as JSON: {invalid.detail}"}) from None


def decoded(stored: bytes, attempts: int = 0) -> Message:
    """Return a stored message, given out so often."""
    message = _decode(stored)
    message.attempts = attempts
    return message
