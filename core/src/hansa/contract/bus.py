"""What carries a cluster: the bus with its nudges and leases, small records, and the queue of
asynchronous calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol, Unpack

from .calls import QueueOptions
from .records import HeldLease

if TYPE_CHECKING:
    from redis import Redis


class Records(Protocol):
    """Small values by name, for what must outlive a process: kept in the cluster's Redis, or in
    files of this server.

    Names may be any text. Methods raise what keeps them from being done.
    """

    def read(self, name: str) -> bytes | None:
        """Return a value, or None if there is none."""

    def write(self, name: str, value: bytes) -> None:
        """Keep a value; it is as durable as the store when this returns: a file is synced to disk."""

    def count(self, name: str, seconds: float) -> int:
        """Add one to a counter that expires after `seconds` without use, and return it; not synced
        to disk.
        """

    def claim(self, name: str, seconds: float) -> bool:
        """Begin a counter at one that expires after `seconds`; whether there was none, which is so for
        one of those who claim a name at the same moment.
        """

    def delete(self, name: str) -> None:
        """Forget a value or a counter."""


class Bus(Protocol):
    """What the workers of a cluster reach each other by. Nothing may be lost with a message: a
    nudge only says "look now", and who posts a message waits for an answer no longer than he says.
    """

    @property
    def address(self) -> str | None:
        """The URL of the Redis that carries it, for plugins that talk to it themselves; None where
        there is no Redis.
        """

    @property
    def redis(self) -> Redis | None:
        """A redis-py client that decodes answers as text, with short time-outs; None where there is
        no Redis.
        """

    def key(self, *parts: str) -> str:
        """Return the name of a Redis key of this cluster."""

    def nudge(self, revision: int) -> None:
        """Tell the other workers that there is a new revision; never raises."""

    def listen(self, wake: Callable[[], None], stopped: threading.Event) -> None:
        """Call `wake` at every nudge, and when one may have been missed, until stopped; who waits for
        changes looks for them from time to time besides.
        """

    def acquire(self, name: str, holder: str, ttl: float) -> int | None:
        """Take or renew a lease for `ttl` seconds: its fencing token if `holder` has it now, else
        None.
        """

    def release(self, name: str, holder: str) -> None:
        """Give a lease back, so that another holder can take it at once."""

    def leases(self, names: Iterable[str]) -> dict[str, HeldLease]:
        """Return those of these leases that are held."""

    def post(self, mailbox: str, message: bytes, seconds: float) -> None:
        """Put a message, which is text in UTF-8, into a mailbox, where it is kept for at least
        `seconds` unless it is collected; raises `Unavailable`.
        """

    def collect(self, mailbox: str, wait: float) -> list[bytes]:
        """Take messages out of a mailbox, in the order in which they came, and wait up to `wait`
        seconds, of which a bus may make at most 2, for the first; raises `Unavailable`.

        A mailbox has one who collects, and one who dies meanwhile loses what he has taken.
        """

    def records(self, namespace: str) -> Records | None:
        """Return records shared by the whole cluster; None where each server keeps its own."""


class Queue(Protocol):
    """The queue of asynchronous calls: each is delivered at least once, by any worker of the
    cluster.
    """

    def put(self, service: str, payload: object, cid: str, **options: Unpack[QueueOptions]) -> None:
        """Add a call; raises `Unavailable` if it cannot be queued, `Invalid` for its payload."""

    def put_many(
        self,
        service: str,
        payloads: Iterable[object],
        cid: str,
        **options: Unpack[QueueOptions],
    ) -> None:
        """Add a call for each payload, in their order, or none; raises as `put` does, and `Invalid`
        for more than 10,000.
        """

    def start(self) -> None:
        """Begin to take calls; called once the worker serves."""

    def stop(self, grace: float) -> None:
        """Take no more calls and wait up to `grace` seconds for those that run."""

    def status(self) -> Mapping[str, object]:
        """Return counts of calls by state, or `error` where the queue does not answer; never
        raises.
        """
