"""The bus of a cluster without Redis: leases are rows of the operational database (ODB), and
changes are found by polling.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from sqlalchemy import Engine, insert, select, update

from ..contract.bus import Bus, Records
from ..contract.records import HeldLease
from ..odb import tables as odb

POLL_INTERVAL = 0.25
"""Seconds between two looks at the change log."""


class OdbBus(Bus):
    """Leases as rows of the ODB; no nudges, so that changes are found by polling."""

    address = None
    redis = None

    def __init__(self, engine: Engine, cluster: str = "hansa") -> None:
        self.engine = engine
        self.cluster = cluster
        self.poll_interval = POLL_INTERVAL

    def key(self, *parts: str) -> str:
        """Return the name of a key of this cluster."""
        return ":".join(("hansa", self.cluster, *parts))

    def nudge(self, revision: int) -> None:
        """Nothing to send: the others poll."""

    def listen(self, wake: Callable[[], None], stopped: threading.Event) -> None:
        """Wake up at every interval until stopped."""
        while not stopped.wait(self.poll_interval):
            wake()

    def acquire(self, name: str, holder: str, ttl: float) -> int | None:
        """Take or renew a lease for `ttl` seconds: its fencing token if `holder` has it now, else
        None.
        """
        lease = odb.lease
        now = time.time()
        with self.engine.begin() as connection:
            query = select(lease).where(lease.c.name == name).with_for_update()
            row = connection.execute(query).first()
            if row is None:
                first = {"name": name, "holder": holder, "token": 1, "expires": now + ttl}
                connection.execute(insert(lease).values(**first))
                return 1
            renewed = row.holder == holder and row.expires > now
            if row.holder != holder and row.expires > now:
                return None
            token = int(row.token) if renewed else int(row.token) + 1
            taken = {"holder": holder, "token": token, "expires": now + ttl}
            connection.execute(update(lease).where(lease.c.name == name).values(**taken))
            return token

    def leases(self, names: Iterable[str]) -> dict[str, HeldLease]:
        """Return those of these leases that are held."""
        lease = odb.lease
        now = time.time()
        query = select(lease).where(lease.c.name.in_(list(names)), lease.c.expires > now)
        with self.engine.connect() as connection:
            return {
                row.name: HeldLease(row.holder, int(row.token), row.expires - now)
                for row in connection.execute(query)
            }

    def release(self, name: str, holder: str) -> None:
        """Give a lease back, so that another can take it at once."""
        lease = odb.lease
        mine = update(lease).where(lease.c.name == name, lease.c.holder == holder)
        with self.engine.begin() as connection:
            connection.execute(mine.values(expires=0))

    def records(self, namespace: str) -> Records | None:
        """None: each server keeps its own, in files."""
        return None
