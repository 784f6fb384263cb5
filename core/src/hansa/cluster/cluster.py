"""The cluster as a worker sees it: the newest revision, who has applied it, and who holds which
lease.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ..contract.bus import Bus
from ..contract.records import Applied, HeldLease, WorkerReport
from ..contract.server import Cluster as ClusterContract
from ..foundation.errors import Conflict
from ..odb.database import Database
from ..odb.key_check import stored_fingerprint
from ..odb.key_rotation import rotate
from ..odb.keys import Keys
from ..odb.reports import WorkerReports

APPLY_WAIT = 5.0
"""Seconds for which a change waits until all workers have applied it."""
SILENT = 15.0
"""Seconds after its last report until a worker no longer counts as alive."""
FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.05


class Cluster(ClusterContract):
    """The cluster of one server. `wake` makes this worker look at the change log."""

    def __init__(
        self, name: str, database: Database, keys: Keys, bus: Bus, wake: Callable[[], None]
    ) -> None:
        self._name = name
        self._database = database
        self._keys = keys
        self._reports = WorkerReports(database)
        self._bus = bus
        self._wake = wake

    def use(self, bus: Bus) -> None:
        """Reach the other workers by another bus from now on."""
        self._bus = bus

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    def revision(self) -> int:
        """Return the newest revision of the change log."""
        return self._database.revision()

    def reports(self, *, silent: bool = False) -> dict[str, WorkerReport]:
        """Return the last report of each worker that is alive, by worker; with `silent` also of
        those not heard of lately.
        """
        oldest = time.time() - SILENT
        return {
            worker: report
            for worker, report in self._reports.all().items()
            if silent or report.at > oldest
        }

    def workers(self, server: str = "") -> list[str]:
        """Return the names of the workers that are alive, of one server or of all, sorted."""
        found = self.reports().values()
        return sorted(report.worker for report in found if server in ("", report.server))

    def leases(self, names: Iterable[str]) -> dict[str, HeldLease]:
        """Return those of these leases that are held."""
        return self._bus.leases(names)

    def restart(self, server: str, *, by: str = "") -> int:
        """Have a server finish its work and start anew, engines included; returns the revision."""
        return self.log_action("server", server, "restart", by=by)

    def current_key(self) -> str:
        """Return the fingerprint of the key that encrypts what the cluster stores."""
        return stored_fingerprint(self._database) or self._keys.fingerprint

    def use_key(self, fingerprint: str, *, by: str = "") -> Applied:
        """Have another key encrypt what the cluster stores; raises `Conflict` naming the workers
        that do not hold it.
        """
        missing = [
            worker
            for worker, report in self.reports().items()
            if report.keys is None or fingerprint not in report.keys.fingerprints
        ]
        if missing:
            raise Conflict(f"the key is not held by {', '.join(sorted(missing))}")
        if self.current_key() == fingerprint:
            return self.announce(self.revision())
        return self.announce(rotate(self._database, self._keys, fingerprint, by=by))

    def log_action(self, kind: str, name: str, action: str, *, by: str = "") -> int:
        """Have the whole cluster learn of something that is no definition, such as a blocked
        plugin; returns the revision.
        """
        revision = self._database.log_action(kind, name, action, by=by)
        self.announce(revision, wait=False)
        return revision

    def announce(self, revision: int, *, wait: bool = True) -> Applied:
        """Nudge everybody and wait up to 5 s until all have applied a revision; returns who has,
        and who has not yet.
        """
        self._wake()
        self._bus.nudge(revision)
        deadline = time.monotonic() + (APPLY_WAIT if wait else 0)
        pause = FIRST_PAUSE
        while True:
            reports = self.reports()
            pending = sorted(
                worker for worker, report in reports.items() if report.revision < revision
            )
            if not pending or time.monotonic() > deadline:
                applied = sorted(set(reports) - set(pending))
                return Applied(revision, applied, pending)
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
