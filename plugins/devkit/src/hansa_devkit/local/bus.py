"""The bus of a local server: leases in memory, and nobody to nudge."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from hansa import Bus, HeldLease, Records

if TYPE_CHECKING:
    from redis import Redis


class LocalBus(Bus):
    """A bus without other workers; `redis` is a client that a test hands in, or None."""

    address: str | None = None
    redis: Redis | None = None

    def __init__(self, cluster: str, redis: Redis | None = None) -> None:
        self.cluster = cluster
        self.redis = redis
        self.nudges: list[int] = []
        self._leases: dict[str, tuple[str, int, float]] = {}
        self._mail: defaultdict[str, SimpleQueue[bytes]] = defaultdict(SimpleQueue)
        self._lock = threading.Lock()

    def key(self, *parts: str) -> str:
        """Return the name of a Redis key of this cluster."""
        return ":".join(("hansa", self.cluster, *parts))

    def nudge(self, revision: int) -> None:
        """Note a revision in `nudges`."""
        self.nudges.append(revision)

    def listen(self, wake: Callable[[], None], stopped: threading.Event) -> None:
        """Wait until stopped: there is nobody who nudges."""
        stopped.wait()

    def acquire(self, name: str, holder: str, ttl: float) -> int | None:
        """Take or renew a lease for `ttl` seconds: its fencing token if `holder` has it now, else
        None.
        """
        now = time.monotonic()
        with self._lock:
            owner, token, ends = self._leases.get(name, ("", 0, 0.0))
            held = ends > now
            if held and owner != holder:
                return None
            if not held:
                token += 1
            self._leases[name] = (holder, token, now + ttl)
            return token

    def release(self, name: str, holder: str) -> None:
        """Give a lease back."""
        with self._lock:
            owner, token, _ = self._leases.get(name, ("", 0, 0.0))
            if owner == holder:
                self._leases[name] = ("", token, 0.0)

    def leases(self, names: Iterable[str]) -> dict[str, HeldLease]:
        """Return those of these leases that are held."""
        now = time.monotonic()
        found: dict[str, HeldLease] = {}
        for name in names:
            holder, token, ends = self._leases.get(name, ("", 0, 0.0))
            if ends > now:
                found[name] = HeldLease(holder, token, ends - now)
        return found

    def post(self, mailbox: str, message: bytes, seconds: float) -> None:
        """Put a message into a mailbox of this process; it does not expire."""
        self._mail[mailbox].put(message)

    def collect(self, mailbox: str, wait: float) -> list[bytes]:
        """Take a message out of a mailbox, and wait for it."""
        try:
            return [self._mail[mailbox].get(timeout=max(wait, 0.001))]
        except Empty:
            return []

    def records(self, namespace: str) -> Records | None:
        """Return None: a local server keeps records in files."""
        return None
