"""What the workers of a cluster tell each other: nudges and leases, here over the ODB; a plugin may give a faster bus."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Engine, insert, select, update

from ..odb import tables as odb

log = logging.getLogger("hansa.cluster")
LEASE_TTL, LEASE_RENEWAL = 8.0, 2.5


class OdbBus:
    """Leases as rows of the ODB; no nudges, so that changes are found by polling."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.poll_interval = 0.25

    def nudge(self, revision: int) -> None:
        """Nothing to send: the others poll."""

    def listen(self, wake: Callable[[], None], stopped: threading.Event) -> None:
        """Wake up at every interval until stopped."""
        while not stopped.wait(self.poll_interval):
            wake()

    def acquire(self, name: str, holder: str, ttl: float) -> int | None:
        """Take or renew a lease for `ttl` seconds; the fencing token if `holder` has it now, else None."""
        lease, now = odb.lease, time.time()
        with self.engine.begin() as connection:
            row = connection.execute(
                select(lease).where(lease.c.name == name).with_for_update()
            ).first()
            if row is None:
                connection.execute(
                    insert(lease).values(name=name, holder=holder, token=1, expires=now + ttl)
                )
                return 1
            if row.holder != holder and row.expires > now:
                return None
            token = row.token + (row.holder != holder or row.expires <= now)
            taken = {"holder": holder, "token": token, "expires": now + ttl}
            connection.execute(update(lease).where(lease.c.name == name).values(**taken))
            return int(token)

    def leases(self, names: Iterable[str]) -> dict[str, tuple[str, int, float]]:
        """Those of these leases that are held: by whom, its fencing token, and the seconds left unless it is renewed."""
        lease, now = odb.lease, time.time()
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(lease).where(lease.c.name.in_(list(names)), lease.c.expires > now)
            )
            return {row.name: (row.holder, row.token, row.expires - now) for row in rows}

    def release(self, name: str, holder: str) -> None:
        """Give a lease back, so that another can take it at once."""
        lease = odb.lease
        with self.engine.begin() as connection:
            connection.execute(
                update(lease)
                .where(lease.c.name == name, lease.c.holder == holder)
                .values(expires=0)
            )


class Leases:
    """The leases one worker wants: `want(name, taken, lost)` calls back when it gets one and when it must stop using it.

    A holder that cannot renew gives up before the lease ends for the others.
    """

    def __init__(self, bus: Any, holder: str) -> None:
        self.bus, self.holder = bus, holder
        self.tokens: dict[str, int] = {}
        self._wanted: dict[str, tuple[Callable[[int], None], Callable[[], None]]] = {}
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
            self._wanted[name] = (taken, lost)
        self._wake.set()

    def unwant(self, name: str) -> None:
        """Give a lease up, without calling back."""
        with self._lock:
            self._wanted.pop(name, None)
            held = self.tokens.pop(name, None)
        if held is not None:
            self._release(name)

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
            for name in list(self._wanted):
                self._step(name)
            # soon after somebody else's death, a lease must move: look more often while waiting for one
            self._wake.wait(LEASE_RENEWAL if len(self.tokens) == len(self._wanted) else 1.0)
            self._wake.clear()

    def _step(self, name: str) -> None:
        began = time.monotonic()
        try:
            token = self.bus.acquire(name, self.holder, LEASE_TTL)
        except Exception as error:
            log.warning("lease %s cannot be acquired or renewed at the moment: %s", name, error)
            return
        with self._lock:
            wanted, had = self._wanted.get(name), name in self.tokens
            # an answer that took long may be of a lease that is nearly over: it counts from when it was asked for
            has = token is not None and wanted is not None and time.monotonic() - began < _limit()
            if has and token is not None:
                self._renewed[name], self.tokens[name] = began, token
            else:
                self.tokens.pop(name, None)
        if wanted is None:
            if token is not None:
                self._release(name)  # given up while it was being acquired
        elif has and not had:
            wanted[0](self.tokens.get(name, 0))
        elif had and not has:
            wanted[1]()

    def _watch(self) -> None:
        """Give up what is not renewed in time, also while a renewal hangs."""
        while not self._stopped.wait(LEASE_RENEWAL / 10):
            with self._lock:
                late = time.monotonic() - _limit()
                lost = [
                    (name, self._wanted.get(name))
                    for name in self.tokens
                    if self._renewed[name] < late
                ]
                for name, _ in lost:
                    del self.tokens[name]
            for name, wanted in lost:
                log.error("lease %s could not be renewed, stopping what it allows", name)
                if wanted is not None:
                    wanted[1]()


def _limit() -> float:
    """Seconds after which a lease that was not renewed is given up, before it ends for others."""
    return LEASE_TTL - LEASE_RENEWAL
