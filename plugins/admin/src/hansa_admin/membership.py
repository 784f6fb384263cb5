"""A server's name in its cluster: held by a lease, so that a second server of the same name is refused when it starts."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansa import Invalid, started_at

log = logging.getLogger("hansa.membership")
TTL, RENEWAL = 10.0, 2.0
LOOK = 0.1


def lease_of(server: str) -> str:
    """The lease that the server of a name holds; its fencing token grows with each start of a server of that name."""
    return f"name:{server}"


@dataclass(frozen=True)
class Holder:
    """Which run of which server holds a name: the host, its supervisor, what tells its folder, how many workers it has."""

    host: str
    pid: int
    start: int
    place: str
    workers: int

    @classmethod
    def of(cls, server: Any) -> Holder:
        """That of the server to which this worker belongs."""
        supervisor, boot = os.getppid(), ""
        with contextlib.suppress(
            OSError
        ):  # a folder may have been copied to another machine, name of the host and all
            boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        place = hashlib.sha256(f"{boot}{Path(server.dir).resolve()}".encode()).hexdigest()[:16]
        host = socket.gethostname()[:64]
        return cls(
            host, supervisor, started_at(supervisor) or 0, place, server.config.server.workers
        )

    @classmethod
    def read(cls, text: str) -> Holder | None:
        """What a lease tells; None if it is of another kind."""
        try:
            host, pid, start, place, workers = text.split()
            return cls(host, int(pid), int(start), place, int(workers))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.host} {self.pid} {self.start} {self.place} {self.workers}"

    @property
    def run(self) -> tuple[str, int, int, str]:
        """What all workers of one run have in common; their number may have been changed in the file since."""
        return self.host, self.pid, self.start, self.place


class Membership:
    """Holds the name of this worker's server for as long as one of its workers lives."""

    def __init__(self, server: Any) -> None:
        self.server, self.bus, self.key = server, server.bus, lease_of(server.name)
        self.own = Holder.of(server)
        self.holder = str(self.own)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="membership", daemon=True)
        self._trouble = ""

    def start(self) -> None:
        """Claim the name, and hold it from now on; raises `Invalid` if another server has it."""
        self._claim()
        self._thread.start()

    def stop(self) -> None:
        """Hold it no longer; where the whole server ends, its first worker gives it back at once."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(TTL)
        if self.server.closing and not self.server.worker:
            try:
                self.bus.release(self.key, self.holder)
            except Exception as error:
                log.warning(
                    "the name %s is given back by itself in at most %g s: %s",
                    self.server.name,
                    TTL,
                    error,
                )

    def _claim(self) -> None:
        """A holder that renews lives; one that does not is waited for, since its lease ends by itself."""
        began, before = time.monotonic(), 0.0
        fresh = (
            self.server.id == f"{self.server.name}/0.1"
        )  # a supervisor that restarted is the same process
        while True:
            try:
                if fresh:
                    self.bus.release(self.key, self.holder)
                    fresh = False
                if self.bus.acquire(self.key, self.holder, TTL):
                    return
                found = self.bus.leases([self.key]).get(self.key)
            except Exception as error:
                if (
                    time.monotonic() - began < RENEWAL
                ):  # what carries the leases may have been started with this server
                    time.sleep(LOOK)
                    continue
                self._tell(
                    f"whether another server is named so cannot be found out at the moment: {error}"
                )
                return
            if found is not None:
                text, _, left = found
                other = Holder.read(text)
                if other is not None and other.run == self.own.run:
                    self.holder = text
                elif other is not None and other.place == self.own.place:
                    # an earlier run in this folder, whose lock we have, so that it is over
                    self.bus.release(self.key, text)
                elif (before and left > before) or time.monotonic() - began > TTL + 1:
                    raise Invalid({"server.name": self._refusal(other)})
                else:
                    before = left
                    time.sleep(LOOK)

    def _refusal(self, other: Holder | None) -> str:
        where = f" on {other.host} (process {other.pid})" if other else ""
        cluster = self.server.cluster.name
        return f"a server named {self.server.name} runs in the cluster {cluster} already{where}: each needs its own name"

    def _renew(self) -> None:
        while not self._stopped.wait(RENEWAL):
            if self.server.closing and self.server.worker:
                return  # lest it takes again what the first worker has given back
            try:
                held = self.bus.acquire(self.key, self.holder, TTL)
                self._tell("" if held else "another server of this name has been started")
            except Exception as error:
                self._tell(f"it cannot be held at the moment: {error}")

    def _tell(self, trouble: str) -> None:
        """Log what is wrong when it begins to be."""
        if trouble and trouble != self._trouble:
            log.error("the name %s: %s", self.server.name, trouble)
        self._trouble = trouble
