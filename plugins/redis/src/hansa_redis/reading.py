"""The settings of `channel redis`, and what each of its sources has to offer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from hansa import Invalid, Unavailable, setting
from hansa_connect.delivery import Delivery, Headers
from hansa_connect.pulling import PrefetchSettings
from redis.exceptions import ResponseError

from .address import is_cluster
from .client import Client
from .connecting import RedisSettings
from .untyped import Argument

LONGEST_BLOCK = 0.5
"""Seconds for which Redis is asked to wait for a message, so that a stop has not to wait longer."""
CHECK_DEAD_LETTERS = "check the setting dead_letter_stream"
BODY = "body"
"""The field of an entry that has the body of a dead letter."""


class ReadingSettings(PrefetchSettings, RedisSettings):
    """Messages.

    What a channel reads, and what becomes of it.
    """

    source: Annotated[
        Literal["stream", "list", "pubsub"],
        setting(
            "What holds the messages: a stream, read by a consumer group, or a list, both at least "
            "once; or publish and subscribe, at most once"
        ),
    ] = "stream"
    key: Annotated[
        str,
        setting(
            "Name of the stream or list; of pubsub the channel, or with * ? or [ a pattern of "
            "channels",
            min_length=1,
            example="orders",
        ),
    ]
    group: Annotated[
        str, setting("Consumer group of a stream; it is made if it is missing", min_length=1)
    ] = "hansa"
    begin: Annotated[
        Literal["all", "new"],
        setting(
            "Where a consumer group that is made begins: at the first entry, or at the next one",
            advanced=True,
        ),
    ] = "all"
    body_field: Annotated[
        str,
        setting(
            "Field of a stream's entries that is the body, the others being headers; an entry "
            "without it has all its fields as JSON for a body"
        ),
    ] = BODY
    after: Annotated[
        Literal["keep", "delete"],
        setting("What becomes of an entry of a stream that was handled"),
    ] = "keep"
    claim_after: Annotated[
        float,
        setting(
            "Seconds after which entries are taken over from a consumer of the group that is gone",
            ge=1,
            le=86400,
        ),
    ] = 60.0
    take_from: Annotated[
        Literal["right", "left"],
        setting("End of a list from which messages are taken: right where senders use LPUSH"),
    ] = "right"
    dead_letter_stream: Annotated[
        str, setting("Stream for messages that are given up; empty for KEY.dead-letter")
    ] = ""

    @property
    def dead_letters(self) -> str:
        """The stream of dead letters: the one that is set, or the one of the key."""
        return self.dead_letter_stream or f"{self.key}.dead-letter"

    @classmethod
    def upgrade(cls, old: dict[str, object]) -> dict[str, object]:
        """Read what the stream of dead letters was called before."""
        if "dead_letters" not in old:
            return old
        rest = {name: value for name, value in old.items() if name != "dead_letters"}
        return {"dead_letter_stream": old["dead_letters"], **rest}

    def check(self) -> None:
        """Refuse a Redis Cluster, and a stream for its own dead letters; raises `Invalid`."""
        super().check()
        faults: dict[str, str] = {}
        if is_cluster(self.address):
            faults["address"] = "a channel reads from one Redis, and not from a Redis Cluster"
        if self.source != "pubsub" and self.dead_letters == self.key:
            faults["dead_letter_stream"] = "must differ from key"
        if faults:
            raise Invalid(faults)


@dataclass(frozen=True)
class Reading:
    """What a source works with: `consumer` is the name of the channel in Redis."""

    client: Client
    config: ReadingSettings
    consumer: str

    def check_dead_letters(self) -> None:
        """Raise `Unavailable` if dead letters cannot be added."""
        stream = self.config.dead_letters
        found = self.client.type(stream)
        if found not in (b"none", b"stream"):
            raise Unavailable(f"the key {stream!r} is no stream: {CHECK_DEAD_LETTERS}")

    def add_dead_letter(self, fields: dict[Argument, Argument]) -> None:
        """Add a dead letter; only then may the message be forgotten.

        One transaction would forget it, too, where the stream takes no entry. Raises `Unavailable`.
        """
        stream = self.config.dead_letters
        try:
            self.client.xadd(stream, fields)
        except ResponseError as error:
            fault = f"no dead letter can be added to {stream!r}: {error}"
            raise Unavailable(f"{fault}; {CHECK_DEAD_LETTERS}") from error


class Source(Protocol):
    """Where a channel gets messages: as a `PullingChannel` has it, but that delays are not its own."""

    def open(self) -> None:
        """Make what is missing; raises what is wrong."""

    def fetch(self, limit: int, wait: float) -> list[Delivery]:
        """Return messages, at most `limit`, after at most `wait` seconds."""

    def acknowledge(self, delivery: Delivery) -> None:
        """Have a message forgotten that was handled."""

    def give_back(self, delivery: Delivery) -> None:
        """Leave a message to others that nobody has begun."""

    def give_up(self, delivery: Delivery, fields: dict[Argument, Argument]) -> None:
        """Have a message forgotten, and an entry with these fields added to the dead letters."""

    def unsubscribe(self) -> list[Delivery]:
        """Have nothing more sent that Redis does not keep; return what it has sent."""

    def close(self) -> None:
        """Close what `open` opened, as far as it did."""


def dead_letter(
    delivery: Delivery, error: BaseException | None, channel: str
) -> dict[Argument, Argument]:
    """Return the fields of a dead letter: the message, and why and how often it failed."""
    headers: Headers = delivery.failure_headers(error, channel)
    fields: dict[Argument, Argument] = {BODY: delivery.body}
    for name, value in headers.items():
        fields[name] = "\n".join(value) if isinstance(value, list) else value
    return fields


def block_milliseconds(wait: float) -> int:
    """Return for how long to ask Redis to wait; it takes 0 for ever."""
    return max(1, int(min(wait, LONGEST_BLOCK) * 1000))


class Clock:
    """Says when something is due that has to happen every so often; at first it is not."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = time.monotonic() + seconds

    def strikes(self) -> bool:
        """Return whether it is due, and begin anew if it is."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
