"""A stream as the source of a channel: read by a consumer group, each entry at least once."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TypeAlias

import msgspec
from hansa import Unavailable
from hansa_connect.delivery import Delivery, Headers
from redis.exceptions import ResponseError

from .reading import Clock, Reading, block_milliseconds
from .untyped import Answer, Argument

Entry: TypeAlias = tuple[bytes, dict[bytes, bytes] | None]
"""Number and fields of an entry; None for one that was deleted."""
_IS_THERE = "BUSYGROUP"
_IS_GONE = "NOGROUP"


class StreamSource:
    """Reads a stream as a consumer of a group.

    Whatever the consumer has pending when it begins is what an earlier object had in hand. Entries
    of other consumers are taken over once they have been idle for `claim_after` seconds; so those in
    hand here are claimed anew before that.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._client = reading.client
        self._config = reading.config
        self._consumer = reading.consumer
        self._lock = threading.Lock()
        self._in_hand: set[bytes] = set()
        self._handled: list[Argument] = []
        self._telling = False
        self._own_from: bytes | None = b"0"
        self._claim_from: Argument = "0-0"
        self._claiming = Clock(min(self._config.claim_after / 2, 30.0))
        self._renewing = Clock(self._config.claim_after / 3)

    def open(self) -> None:
        """Make the consumer group, and the stream, if they are missing."""
        config = self._config
        start = "0" if config.begin == "all" else "$"
        try:
            self._client.xgroup_create(config.key, config.group, start, mkstream=True)
        except ResponseError as error:
            if not str(error).startswith(_IS_THERE):
                raise Unavailable(f"the key {config.key!r} is no stream: {error}") from error

    def fetch(self, limit: int, wait: float) -> list[Delivery]:
        """Return entries: those an earlier object had in hand, those of consumers that are gone, or
        new ones.
        """
        try:
            self._renew()
            if self._own_from is not None:
                return self._own(limit)
            if self._claiming.strikes():
                found = self._claim(limit)
                if found:
                    return found
            return self._new(limit, wait)
        except ResponseError as error:
            if str(error).startswith(_IS_GONE):
                config = self._config
                fault = f"the consumer group {config.group!r} of {config.key!r} is gone"
                raise Unavailable(fault) from error
            raise

    def _own(self, limit: int) -> list[Delivery]:
        """Return what was pending when this object began."""
        config = self._config
        streams: dict[Argument, Argument] = {config.key: self._own_from}
        answer: Answer = self._client.xreadgroup(config.group, self._consumer, streams, count=limit)
        entries: list[Entry] = answer[0][1] if answer else []
        self._own_from = entries[-1][0] if entries else None
        return self._taken(entries, again=True)

    def _claim(self, limit: int) -> list[Delivery]:
        config = self._config
        idle = int(config.claim_after * 1000)
        answer: Answer = self._client.xautoclaim(
            config.key, config.group, self._consumer, idle, self._claim_from, count=limit
        )
        self._claim_from = answer[0]
        return self._taken(answer[1], again=True)

    def _new(self, limit: int, wait: float) -> list[Delivery]:
        config = self._config
        answer: Answer = self._client.xreadgroup(
            config.group,
            self._consumer,
            {config.key: ">"},
            count=limit,
            block=block_milliseconds(wait),
        )
        return self._taken(answer[0][1], again=False) if answer else []

    def _taken(self, entries: Iterable[Entry], *, again: bool) -> list[Delivery]:
        found = []
        for number, fields in entries:
            with self._lock:
                if number in self._in_hand:
                    continue
                self._in_hand.add(number)
            if fields is None:
                self._forget(number)
            else:
                found.append(self._delivery(number, fields, again=again))
        return found

    def _delivery(self, number: bytes, fields: dict[bytes, bytes], *, again: bool) -> Delivery:
        config = self._config
        others = dict(fields)
        body = others.pop(config.body_field.encode(), None)
        if body is None:
            texts = {_text(name): _text(value) for name, value in fields.items()}
            body = msgspec.json.encode(texts)
            others = {}
        headers: Headers = {_text(name): _text(value) for name, value in others.items()}
        entry = number.decode()
        return Delivery(
            number,
            body,
            headers,
            redelivered=again,
            origin={"key": config.key, "entry": entry},
            identity=entry,
            extra={"key": config.key, "entry": entry, "redelivered": again},
        )

    def _renew(self) -> None:
        """Have entries in hand count as new, lest other consumers take them over."""
        if not self._renewing.strikes():
            return
        with self._lock:
            numbers: list[Argument] = list(self._in_hand)
        if numbers:
            config = self._config
            self._client.xclaim(config.key, config.group, self._consumer, 0, numbers, justid=True)

    def acknowledge(self, delivery: Delivery) -> None:
        """Acknowledge an entry, and delete it if the settings say so."""
        self._forget(delivery.tag)

    def _forget(self, number: bytes) -> None:
        """Acknowledge an entry, and with it what other threads have handled meanwhile.

        PERF: one round trip for many entries, which threads do not wait for. If it fails, the channel
        is lost, and all of them come again.
        """
        with self._lock:
            self._handled.append(number)
            if self._telling:
                return
            self._telling = True
        try:
            while numbers := self._next_handled():
                self._acknowledge(numbers)
        except BaseException:
            self._telling = False
            raise

    def _next_handled(self) -> list[Argument]:
        with self._lock:
            numbers = self._handled
            self._handled = []
            self._telling = bool(numbers)
        return numbers

    def _acknowledge(self, numbers: list[Argument]) -> None:
        config = self._config
        if config.after == "delete":
            with self._client.pipeline(transaction=True) as commands:
                commands.xack(config.key, config.group, *numbers)
                commands.xdel(config.key, *numbers)
                commands.execute()
        else:
            self._client.xack(config.key, config.group, *numbers)
        with self._lock:
            self._in_hand.difference_update(numbers)

    def give_back(self, delivery: Delivery) -> None:
        """Have an entry be taken over at once, by whoever looks for those of consumers that are gone."""
        config = self._config
        idle = int(config.claim_after * 1000) + 1
        self._client.xclaim(
            config.key, config.group, self._consumer, 0, [delivery.tag], idle=idle, justid=True
        )
        self._settled(delivery.tag)

    def give_up(self, delivery: Delivery, fields: dict[Argument, Argument]) -> None:
        """Add a dead letter, then acknowledge the entry."""
        self._reading.add_dead_letter(fields)
        self._forget(delivery.tag)

    def _settled(self, number: bytes) -> None:
        with self._lock:
            self._in_hand.discard(number)

    def unsubscribe(self) -> list[Delivery]:
        """Return nothing: Redis sends only what it is asked for."""
        return []

    def close(self) -> None:
        """Leave the consumer: what it has pending is its successor's."""


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
