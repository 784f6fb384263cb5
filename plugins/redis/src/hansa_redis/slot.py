"""Connections to the node of a Redis Cluster that holds one hash slot, and a client that finds the
slot again when it moves.

All keys of a Hansa cluster carry the same hash tag, so they are in one slot, which one node holds:
scripts, transactions, pipelines and blocking reads work as on a single Redis.
"""

from __future__ import annotations

import time

import redis
from redis import exceptions
from redis.crc import key_slot

from .address import Place
from .deadline import TlsConnection, remaining
from .discovery import DiscoveredConnection, text
from .untyped import Answer, Argument, Option

MOVED_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds before a command is sent again that a node sent on; the nodes learn of a move one after
the other."""


def slot_of(hash_tag: str) -> int:
    """Return the slot of all keys that carry a tag."""
    return key_slot(f"{{{hash_tag}}}".encode())


class SlotMoved(exceptions.MovedError):
    """The node holds the slot no longer: the command was not carried out."""


class SlotConnection(DiscoveredConnection):
    """A connection to the primary of a slot; the sources are nodes of the cluster."""

    source_name = "node"

    def __init__(self, *, slot: int, **options: Option) -> None:
        super().__init__(**options)
        self.sought = f"primary of slot {slot}"
        self._slot = slot

    def question(self) -> tuple[str, ...]:
        """Return the command that asks a node who holds which slots."""
        return "CLUSTER", "SLOTS"

    def find(self, source: str, answer: list[list[Answer]]) -> Place | None:
        """Return host and port of the primary; None if no node holds the slot."""
        for first, last, primary, *_ in answer:
            if first <= self._slot <= last:
                # a node that does not know its own name leaves the host out
                return text(primary[0] or source), int(primary[1])
        return None

    def read_response(self, *args: Argument, **options: Option) -> Answer:
        """Read an answer; a node that holds the slot no longer is left, so that the next call asks
        anew. Raises `SlotMoved`.
        """
        try:
            return super().read_response(*args, **options)
        except exceptions.MovedError as error:
            # not at once: the answers to the rest of a pipeline are still to be read
            self.mark_for_reconnect()  # type: ignore[no-untyped-call]
            raise SlotMoved(error.message) from None


class TlsSlotConnection(SlotConnection, TlsConnection):
    """The same over TLS, by which the nodes are asked too."""

    source_class = TlsConnection


class Following(redis.Redis):
    """A client that sends a command again, within the deadline of its call, if the slot has moved.

    A pipeline is not sent again: it raises `SlotMoved`, and the next one finds the slot.
    """

    def execute_command(self, *args: Argument, **options: Option) -> Answer:
        """Run one command and return its answer."""
        for pause in MOVED_PAUSES:
            try:
                return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
            except SlotMoved:
                time.sleep(remaining(pause) or 0.0)
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
