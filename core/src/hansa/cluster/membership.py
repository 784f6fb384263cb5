"""A server's name in its cluster: held by a lease, so that a second server of the same name is
refused when it starts.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..contract.records import HeldLease
from ..foundation.errors import Invalid
from ..foundation.processes import boot_id, started_at

if TYPE_CHECKING:
    from ..contract.server import Server

log = logging.getLogger("hansa.membership")

TTL = 10.0
"""Seconds for which a name is held unless it is renewed."""
RENEWAL = 2.0
LOOK = 0.1


def name_lease(server: str) -> str:
    """Return the lease that the server of a name holds; its fencing token grows with each start of
    a server of that name.
    """
    return f"name:{server}"


@dataclass(frozen=True)
class Holder:
    """Which run of which server holds a name: its host, its supervisor, a digest of its folder, its
    number of workers.
    """

    host: str
    pid: int
    start: int
    place: str
    workers: int

    @classmethod
    def of(cls, folder: Path, workers: int) -> Holder:
        """Return the holder that this worker's server is, which writes into a folder."""
        supervisor = os.getppid()
        # a folder may have been copied to another machine, host name and all
        place = hashlib.sha256(f"{boot_id()}{folder.resolve()}".encode()).hexdigest()[:16]
        host = socket.gethostname()[:64]
        return cls(host, supervisor, started_at(supervisor) or 0, place, workers)

    @classmethod
    def read(cls, text: str) -> Holder | None:
        """Return what the holder of a lease says of itself; None if it is of another kind."""
        try:
            host, pid, start, place, workers = text.split()
            return cls(host, int(pid), int(start), place, int(workers))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.host} {self.pid} {self.start} {self.place} {self.workers}"

    @property
    def run(self) -> tuple[str, int, int, str]:
        """What all workers of one run have in common; their number may have been changed in the
        file since.
        """
        return self.host, self.pid, self.start, self.place


class Membership:
    """Holds the name of this worker's server for as long as one of its workers lives."""

    def __init__(self, server: Server, workers: int) -> None:
        self.server = server
        self.bus = server.bus
        self.lease = name_lease(server.name)
        self.own = Holder.of(server.dir, workers)
        self.holder = str(self.own)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="membership", daemon=True)
        self._trouble = ""

    def start(self) -> None:
        """Claim the name, and hold it from now on; raises `Invalid` if another server has it."""
        self._claim()
        self._thread.start()

    def stop(self) -> None:
        """Hold the name no longer; where the whole server ends, its first worker gives it back at
        once.
        """
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(TTL)
        if self.server.closing and self.server.worker == 0:
            try:
                self.bus.release(self.lease, self.holder)
            except Exception as error:
                log.warning(
                    "the name %s is given back by itself in at most %g s: %s",
                    self.server.name,
                    TTL,
                    error,
                )

    def _claim(self) -> None:
        """Take the name. A holder that renews lives; one that does not is waited for, since its
        lease ends by itself.
        """
        began = time.monotonic()
        left_before = 0.0
        # a supervisor that restarted is the same process, and has a new run's name to claim
        first_run = self.server.id == f"{self.server.name}/0.1"
        while True:
            waited = time.monotonic() - began
            try:
                if first_run:
                    self.bus.release(self.lease, self.holder)
                    first_run = False
                if self.bus.acquire(self.lease, self.holder, TTL):
                    return
                found = self.bus.leases([self.lease]).get(self.lease)
            except Exception as error:
                # what carries the leases may have been started with this server
                if waited < RENEWAL:
                    time.sleep(LOOK)
                    continue
                self._report(
                    f"whether another server is named so cannot be found out at the moment: {error}"
                )
                return
            if found is not None:
                left_before = self._contend(found, left_before, waited)

    def _contend(self, found: HeldLease, left_before: float, waited: float) -> float:
        """Take over from an earlier run of this server, or wait for the lease of another to end;
        raises `Invalid`.

        Returns the seconds that were left of the other's lease.
        """
        other = Holder.read(found.holder)
        if other is not None and other.run == self.own.run:
            self.holder = found.holder
            return left_before
        if other is not None and other.place == self.own.place:
            # an earlier run in this folder, whose lock we have, so that it is over
            self.bus.release(self.lease, found.holder)
            return left_before
        renewed = left_before > 0 and found.left > left_before
        if renewed or waited > TTL + 1:
            raise Invalid({"server.name": self._refusal(other)})
        time.sleep(LOOK)
        return found.left

    def _refusal(self, other: Holder | None) -> str:
        where = f" on {other.host} (process {other.pid})" if other else ""
        return (
            f"a server named {self.server.name} runs in the cluster {self.server.cluster.name} "
            f"already{where}: each needs its own name"
        )

    def _renew(self) -> None:
        while not self._stopped.wait(RENEWAL):
            if self.server.closing and self.server.worker > 0:
                return  # lest it takes again what the first worker has given back
            try:
                held = self.bus.acquire(self.lease, self.holder, TTL)
                self._report("" if held else "another server of this name has been started")
            except Exception as error:
                self._report(f"it cannot be held at the moment: {error}")

    def _report(self, trouble: str) -> None:
        """Log what is wrong when it begins to be."""
        if trouble and trouble != self._trouble:
            log.error("the name %s: %s", self.server.name, trouble)
        self._trouble = trouble
