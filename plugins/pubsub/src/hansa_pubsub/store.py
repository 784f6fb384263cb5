"""What publish and subscribe keep in the cluster's Redis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from hansa import Bus, Conflict, TimedOut, Unavailable
from hansa_redis.client import Client, open_client
from hansa_redis.untyped import Script, ScriptArgument, text_of
from redis.exceptions import RedisError

from . import scripts
from .message import Message, decoded

TIMEOUT = 3.0
"""Seconds that one call of Redis may take."""
AT_ONCE = 500
"""Messages that one call of Redis is about, so that Redis soon answers others."""
FAILURES = (RedisError, OSError, Unavailable, TimedOut)
"""What a call of Redis may fail with."""
PublishMode = Literal["new", "back"]
"""Whether a message is published, or comes back to a subscription after it failed."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that was given out: to whom, and the token of the one who has it."""

    subscription: str
    message: Message
    token: str


@dataclass(frozen=True, slots=True)
class Room:
    """What a topic may hold."""

    messages: int
    bytes: int


class Store:
    """Messages, and which subscription has which of them; methods raise `Unavailable`."""

    def __init__(self, bus: Bus, address: str) -> None:
        self.redis: Client = open_client(address, "the Redis of pubsub", timeout=TIMEOUT)
        self._prefix = bus.key("pubsub")
        self._messages = f"{self._prefix}:messages"
        register = self.redis.register_script
        self._publish: Script = register(scripts.PUBLISH)
        self._take: Script = register(scripts.TAKE)
        self._settle: Script = register(scripts.SETTLE)
        self._again: Script = register(scripts.AGAIN)
        self._hold: Script = register(scripts.HOLD)
        self._ready: Script = register(scripts.READY)
        self._empty: Script = register(scripts.EMPTY)
        self._leave: Script = register(scripts.LEAVE)
        self._sweep: Script = register(scripts.SWEEP)

    def publish(
        self,
        message: Message,
        raw: bytes,
        seconds: float,
        subscriptions: list[str],
        room: Room,
        *,
        mode: PublishMode = "new",
    ) -> bool:
        """Keep a message for subscriptions; whether its topic had room for it. One whose id is
        there is not kept again, unless it comes `back` to a subscription that has it no more.
        Raises `Conflict` if another topic has one of this id.
        """
        arguments: list[ScriptArgument] = [
            message.id,
            raw,
            message.topic,
            message.priority,
            _ms(seconds),
            room.messages,
            room.bytes,
            msgspec.json.encode(subscriptions),
            mode,
        ]
        answer = self._number(self._publish, arguments)
        if answer < 0:
            raise Conflict(f"message_id {message.id!r} is that of a message of another topic")
        return answer > 0

    def take(
        self,
        subscription: str,
        token: str,
        *,
        messages: int,
        bytes: int,
        at_once: int,
        seconds: float,
    ) -> list[Delivery]:
        """Give messages out for a time, the first ones of those that nobody has, as many as may be
        given out at once.
        """
        arguments: list[ScriptArgument] = [
            subscription,
            messages,
            bytes,
            at_once,
            _ms(seconds),
            token,
        ]
        answer = self._run(self._take, arguments)
        assert isinstance(answer, list)
        rows = zip(answer[1::3], answer[2::3], strict=True)
        return [Delivery(subscription, decoded(raw, int(count)), token) for count, raw in rows]

    def settle(self, subscription: str, id: str, token: str = "", what: str = "delivered") -> bool:
        """Have done with a message; whether it was given out, by this token if one is given."""
        return self._number(self._settle, [subscription, id, token, what]) == 1

    def again(self, subscription: str, id: str, seconds: float, token: str = "") -> int:
        """Have a message given out again after a time; returns how often it was, 0 if it is not
        given out by this token.
        """
        return self._number(self._again, [subscription, id, token, _ms(seconds)])

    def given_out(self, subscription: str, id: str) -> Message | None:
        """Return a message of a subscription that is given out; None if it is not."""
        has = self.redis.execute_command("HGET", f"{self._prefix}:given:{subscription}", id)
        raw = self.redis.execute_command("HGET", self._messages, id)
        if has is None or raw is None:
            return None
        return decoded(raw, int(has.split(b" ")[0]))

    def message(self, id: str) -> Message | None:
        """Return a message that some subscription has; None if there is none."""
        raw = self.redis.execute_command("HGET", self._messages, id)
        return None if raw is None else decoded(raw)

    def hold(self, deliveries: Iterable[Delivery], seconds: float) -> int:
        """Keep messages for some more time; returns how many are still given out by their token."""
        arguments: list[ScriptArgument] = [_ms(seconds)]
        for one in deliveries:
            arguments += [one.subscription, one.message.id, one.token]
        return self._number(self._hold, arguments) if len(arguments) > 1 else 0

    def ready(self, subscriptions: Sequence[tuple[str, int]]) -> list[int]:
        """Return how many messages could be given out, for each name and number at the same time."""
        arguments: list[ScriptArgument] = []
        for name, at_once in subscriptions:
            arguments += [name, at_once]
        answer = self._run(self._ready, arguments)
        assert isinstance(answer, list)
        return [int(room) for room in answer]

    def empty(self, subscription: str) -> int:
        """Delete all messages of a subscription; returns how many there were."""
        done = 0
        while True:
            found = self._number(self._empty, [subscription, AT_ONCE])
            done += found
            if found < AT_ONCE:
                return done

    def first(self, subscription: str) -> list[bytes]:
        """Return the ids of the first messages of a subscription."""
        queue = f"{self._prefix}:queue:{subscription}"
        found: list[bytes] = self.redis.execute_command("ZRANGE", queue, 0, AT_ONCE - 1)
        return found

    def leave(self, subscription: str, ids: Sequence[bytes]) -> None:
        """Delete these messages of a subscription."""
        self._run(self._leave, [subscription, *ids])

    def sweep(self) -> None:
        """Remove what has expired."""
        while self._number(self._sweep, [AT_ONCE]) == AT_ONCE:
            pass

    def wait(self, seconds: float) -> None:
        """Wait until something was published, at most so long."""
        self.redis.execute_command("BLPOP", f"{self._prefix}:wake", seconds)

    def wake(self) -> None:
        """Let one who waits look again."""
        self.redis.execute_command("LPUSH", f"{self._prefix}:wake", "1")

    def depth(self, topic: str) -> int:
        """Return how many messages of a topic are not acknowledged by all."""
        found = self.redis.execute_command("HGET", f"{self._prefix}:depth", f"count {topic}")
        return int(found or 0)

    def waiting(self, subscription: str) -> int:
        """Return how many messages a subscription has."""
        return int(self.redis.execute_command("ZCARD", f"{self._prefix}:queue:{subscription}"))

    def browse(self, subscription: str, offset: int, limit: int) -> list[Message]:
        """Return messages of a subscription in their order, without giving them out."""
        queue = f"{self._prefix}:queue:{subscription}"
        ids = self.redis.execute_command("ZRANGE", queue, offset, offset + limit - 1)
        if not ids:
            return []
        raws = self.redis.execute_command("HMGET", self._messages, *ids)
        given = self.redis.execute_command("HMGET", f"{self._prefix}:given:{subscription}", *ids)
        return [
            decoded(raw, int(has.split(b" ")[0]) if has else 0)
            for raw, has in zip(raws, given, strict=True)
            if raw is not None
        ]

    def counts(self) -> dict[str, int]:
        """Return what has been counted, by what and of whom, such as `published orders.new`, and
        what topics hold, such as `count orders.new`.
        """
        found: dict[str, int] = {}
        for name in ("depth", "counts"):
            flat = self.redis.execute_command("HGETALL", f"{self._prefix}:{name}")
            rows = (
                flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
            )
            found |= {text_of(key): int(value) for key, value in rows}
        return found

    def forget_counts(self, subscription: str) -> None:
        """Forget what has been counted of a subscription that is gone."""
        kinds = ("delivered", "retried", "failed", "expired", "skipped", "deleted", "late")
        fields = [f"{kind} {subscription}" for kind in kinds]
        self.redis.execute_command("HDEL", f"{self._prefix}:counts", *fields)

    def close(self) -> None:
        """Close the connections."""
        self.redis.close()

    def _run(self, script: Script, arguments: list[ScriptArgument]) -> object:
        return script(keys=[self._messages], args=[self._prefix, *arguments])

    def _number(self, script: Script, arguments: list[ScriptArgument]) -> int:
        answer = self._run(script, arguments)
        assert isinstance(answer, int)
        return answer


def _ms(seconds: float) -> int:
    return max(0, int(seconds * 1000))
