"""The leases that one worker holds: rights to run something once in the cluster, renewed while they
are used.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..contract.bus import Bus

log = logging.getLogger("hansa.cluster")

LEASE_TTL = 8.0
"""Seconds until a lease that is not renewed ends."""
LEASE_RENEWAL = 2.5
"""Seconds between two renewals."""
WAITING = 1.0
"""Seconds between two attempts at a lease that somebody else holds."""


@dataclass(frozen=True, slots=True)
class WantedLease:
    """What to call when a lease was taken, with its fencing token, and when it must not be used any
    more.
    """

    taken: Callable[[int], None]
    lost: Callable[[], None]


class Leases:
    """The leases one worker wants; `want` calls back when it gets one and when it must stop using
    it.

    A holder that cannot renew gives up before the lease ends for the others. `tokens` holds the
    fencing tokens of the leases that are held now.

    With the `mark` of its process (`process_mark`) a holder is told from another one of the same
    name, in an earlier run or on another machine.
    """

    def __init__(self, bus: Bus, holder: str, mark: str = "") -> None:
        self.bus = bus
        self.holder = f"{holder} {mark}".rstrip()
        self._ended: set[str] = set()
        self.tokens: dict[str, int] = {}
        self._wanted: dict[str, WantedLease] = {}
        self._renewed: dict[str, float] = {}
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Begin to acquire and renew."""
        self._thread.start()
        threading.Thread(target=self._watch, name="lease-watch", daemon=True).start()

    def want(self, name: str, taken: Callable[[int], None], lost: Callable[[], None]) -> None:
        """Try for a lease from now on."""
        with self._lock:
            self._wanted[name] = WantedLease(taken, lost)
        self._wake.set()

    def unwant(self, name: str) -> None:
        """Give a lease up, without calling back."""
        with self._lock:
            self._wanted.pop(name, None)
            held = self.tokens.pop(name, None)
        if held is not None:
            self._release(name)

    def note_end(self, mark: str) -> None:
        """Have the leases that the process with a mark holds given back, since it has ended: to be
        said only of one whose exit status was seen.
        """
        with self._lock:
            self._ended.add(mark)
        self._wake.set()

    def stop(self) -> None:
        """Give everything back."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(LEASE_TTL)
        for name in list(self.tokens):
            self.unwant(name)

    def _release(self, name: str) -> None:
        try:
            self.bus.release(name, self.holder)
        except Exception as error:
            log.warning("lease %s ends by itself in at most %s s: %s", name, LEASE_TTL, error)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._release_of_ended()
            for name in list(self._wanted):
                self._acquire(name)
            # soon after somebody else's death, a lease must move: look more often while waiting for
            # one
            has_all = len(self.tokens) == len(self._wanted)
            self._wake.wait(LEASE_RENEWAL if has_all else WAITING)
            self._wake.clear()

    def _release_of_ended(self) -> None:
        """Give back the wanted leases of processes that have ended."""
        with self._lock:
            ended, self._ended = self._ended, set()
            names = list(self._wanted)
        if not ended:
            return
        try:
            for name, held in self.bus.leases(names).items():
                # what somebody else has taken meanwhile is left alone by the bus
                if held.holder.rpartition(" ")[2] in ended:
                    self.bus.release(name, held.holder)
        except Exception as error:
            log.warning("leases of a worker that has ended last %s s more: %s", LEASE_TTL, error)

    def _acquire(self, name: str) -> None:
        """Take or renew one lease, and call back if that changes whether it is held."""
        began = time.monotonic()
        try:
            token = self.bus.acquire(name, self.holder, LEASE_TTL)
        except Exception as error:
            log.warning("lease %s cannot be acquired or renewed at the moment: %s", name, error)
            return
        with self._lock:
            wanted = self._wanted.get(name)
            held_before = name in self.tokens
            # an answer that took long may be of a lease that is nearly over: it counts from when it
            # was asked for
            in_time = time.monotonic() - began < _safe_time()
            if token is not None and wanted is not None and in_time:
                self._renewed[name] = began
                self.tokens[name] = token
            else:
                self.tokens.pop(name, None)
            held = name in self.tokens
        if wanted is None:
            if token is not None:
                self._release(name)  # given up while it was being acquired
        elif held and not held_before:
            wanted.taken(self.tokens.get(name, 0))
        elif held_before and not held:
            wanted.lost()

    def _watch(self) -> None:
        """Give up what is not renewed in time, also while a renewal hangs."""
        while not self._stopped.wait(LEASE_RENEWAL / 10):
            for name, wanted in self._take_expired():
                log.error("lease %s could not be renewed, stopping what it allows", name)
                if wanted is not None:
                    wanted.lost()

    def _take_expired(self) -> list[tuple[str, WantedLease | None]]:
        oldest = time.monotonic() - _safe_time()
        with self._lock:
            names = [name for name in self.tokens if self._renewed[name] < oldest]
            for name in names:
                del self.tokens[name]
            return [(name, self._wanted.get(name)) for name in names]


def _safe_time() -> float:
    """Seconds after which a lease that was not renewed is given up, before it ends for others."""
    return LEASE_TTL - LEASE_RENEWAL
