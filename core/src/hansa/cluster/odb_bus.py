"""The bus of a cluster without Redis: leases are rows of the operational database (ODB), and
changes are found by polling.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable

from sqlalchemy import Engine, delete, insert, select, update

from ..contract.bus import Bus, Records
from ..contract.records import HeldLease
from ..odb import tables as odb
from ..odb.engine import guarded

POLL_INTERVAL = 0.25
"""Seconds between two looks at the change log, and into a mailbox."""
FIRST_PAUSE = 0.02
"""Seconds after the first look into a mailbox; they double with each one."""
MOST_AT_ONCE = 100
"""Messages that are taken out of a mailbox at a time."""


class OdbBus(Bus):
    """Leases as rows of the ODB; no nudges, so that changes are found by polling."""

    address = None
    redis = None

    def __init__(self, engine: Engine, cluster: str = "hansa") -> None:
        self.engine = engine
        # what only reads does not wait for writers
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
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
        with self._reading.connect() as connection:
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

    @guarded
    def post(self, mailbox: str, message: bytes, seconds: float) -> None:
        """Put a message into a mailbox, and drop those that have expired; raises `Unavailable`."""
        mail = odb.mail
        now = time.time()
        made = {"id": uuid.uuid4().hex, "mailbox": mailbox, "text": message.decode()}
        with self.engine.begin() as connection:
            connection.execute(delete(mail).where(mail.c.expires < now))
            connection.execute(insert(mail).values(**made, at=now, expires=now + seconds))

    def collect(self, mailbox: str, wait: float) -> list[bytes]:
        """Take messages out of a mailbox, and look again until `wait` is over; raises
        `Unavailable`.
        """
        end = time.monotonic() + wait
        pause = FIRST_PAUSE
        while True:
            found = self._take(mailbox)
            left = end - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(pause, left))
            pause = min(pause * 2, self.poll_interval)

    @guarded
    def _take(self, mailbox: str) -> list[bytes]:
        mail = odb.mail
        query = select(mail.c.id, mail.c.text).where(mail.c.mailbox == mailbox)
        query = query.where(mail.c.expires > time.time()).order_by(mail.c.at).limit(MOST_AT_ONCE)
        with self._reading.connect() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return []
        with self.engine.begin() as connection:
            connection.execute(delete(mail).where(mail.c.id.in_([row.id for row in rows])))
        return [row.text.encode() for row in rows]

    def records(self, namespace: str) -> Records | None:
        """None: each server keeps its own, in files."""
        return None
