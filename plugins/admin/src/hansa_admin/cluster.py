"""The admin services of the cluster: `admin.cluster.{status,restart}`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from hansa import (
    HeldLease,
    Holder,
    Model,
    NotFound,
    ObjectState,
    Server,
    WorkerReport,
    lease_name,
    name_lease,
    setting,
)

from .operation import Operation

REMEMBERED = 86400.0  # seconds for which a server is listed that was killed and not started again
NO_LEASE = HeldLease("", 0, 0.0)
ELSEWHERE, RUNNING, INACTIVE = "elsewhere", "running", "inactive"


class Asked(Model):
    """How much to tell."""

    all: Annotated[bool, setting("Every object, not only those that do not run")] = False


class ClusterServer(Model):
    """A server of the cluster."""

    name: Annotated[str, setting("Its name")]
    state: Annotated[
        str,
        setting(
            "ready; behind: a worker lacks a change; starting: some workers do not run yet; silent: it was killed"
        ),
    ]
    host: Annotated[str, setting("The host it runs on; empty where that is not known")]
    pid: Annotated[int, setting("Process id of its supervisor; 0 where that is not known")]
    incarnation: Annotated[
        int, setting("Grows with each start of the server; 0 where that is not known")
    ]
    workers: Annotated[int, setting("Workers that run")]
    wanted: Annotated[int, setting("Workers that are to run")]
    revision: Annotated[int, setting("The revision that all of its workers have applied")]
    seconds: Annotated[float, setting("Seconds since one of its workers told of itself")]


class ClusterWorker(Model):
    """A worker of the cluster."""

    name: Annotated[str, setting("Its name: SERVER/INDEX.GENERATION")]
    server: Annotated[str, setting("Its server")]
    revision: Annotated[int, setting("The revision it has applied")]
    behind: Annotated[int, setting("How many revisions it is behind")]
    seconds: Annotated[float, setting("Seconds since it told so")]


class ClusterObject(Model):
    """What is made of a definition, or of a file with services, and the workers in which it is in one state."""

    kind: Annotated[str, setting("Kind of the definition, or service")]
    type: Annotated[str, setting("Type of the definition, or package")]
    name: Annotated[str, setting("Its name")]
    state: Annotated[
        str,
        setting(
            "running, retrying, failed, inactive; unplaced: it is to run once, and runs nowhere"
        ),
    ]
    why: Annotated[str, setting("Why it does not run")]
    since: Annotated[
        float, setting("Since when, in seconds of the Unix epoch; 0 where that is not known")
    ]
    workers: Annotated[list[str], setting("The workers")]


class ClusterLease(Model):
    """The right to run something once."""

    name: Annotated[
        str, setting("cluster:KIND:TYPE:NAME, server:SERVER:KIND:TYPE:NAME, or name:SERVER")
    ]
    holder: Annotated[
        str, setting("Worker that holds it; for a server's name the host and the process")
    ]
    token: Annotated[int, setting("Its fencing token, which grows whenever it is taken")]
    seconds: Annotated[float, setting("Seconds until it ends unless it is renewed")]


class ClusterStatus(Model):
    """The whole cluster at a glance."""

    cluster: Annotated[str, setting("Its name")]
    revision: Annotated[int, setting("The newest revision")]
    servers: Annotated[list[ClusterServer], setting("The servers")]
    workers: Annotated[list[ClusterWorker], setting("The workers")]
    objects: Annotated[
        list[ClusterObject],
        setting("Objects that do not run or whose other side does not answer, or all, by state"),
    ]
    leases: Annotated[list[ClusterLease], setting("The leases that are held")]
    queue: Annotated[
        dict[str, Any] | None,
        setting("The asynchronous queue, as the plugin that gives it tells; null if there is none"),
    ]
    unknown: Annotated[list[str], setting("What could not be found out, and why")]


class ServerName(Model):
    """A server, by name."""

    name: Annotated[str, setting("Name of the server", min_length=1, example="server1")]


class Restarting(ServerName):
    """A restart that was asked for."""

    revision: Annotated[int, setting("Revision by which the server learns of it")]
    incarnation: Annotated[int, setting("The incarnation that is to end; the next one is greater")]


def placed_once(server: Server, names: Iterable[str]) -> set[str]:
    """The leases of what runs once in the cluster, or in each of these servers."""
    placed = {known.type: known.cls.placement for known in server.registry.types("channel")}
    rows = [(row, placed.get(row.type, "worker")) for row in server.definitions.all("channel")]
    return {
        lease_name(place, name, row.key)
        for row, place in rows
        if place != "worker"
        for name in names
    }


class OnCluster(Operation):
    """An operation on the cluster."""

    abstract = True

    def look(self) -> tuple[dict[str, WorkerReport], dict[str, HeldLease], list[str]]:
        """The reports of workers, the leases, and what could not be found out."""
        reports = self.server.cluster.reports()
        names = {report.server for report in reports.values()}
        try:
            wanted = sorted({*map(name_lease, names), *placed_once(self.server, names)})
            return reports, self.server.cluster.leases(wanted), []
        except Exception as error:
            # whatever carries the leases may be down, and that is when one looks here
            return reports, {}, [f"leases: {error}"]


class Status(OnCluster):
    """Show the cluster: servers, workers and what they have applied, objects that do not run, leases, the queue."""

    name, Input, Output = "admin.cluster.status", Asked, ClusterStatus

    def handle(self) -> Any:
        reports, leases, unknown = self.look()
        revision, now = self.server.cluster.revision(), time.time()
        behind = {worker: max(0, revision - report.revision) for worker, report in reports.items()}
        workers = [
            ClusterWorker(
                name=worker,
                server=report.server,
                revision=report.revision,
                behind=behind[worker],
                seconds=round(max(0.0, now - report.at), 1),
            )
            for worker, report in reports.items()
        ]
        last = {
            report.server: now - report.at
            for report in self.server.cluster.reports(silent=True).values()
        }
        silent = {name: round(seconds, 1) for name, seconds in last.items() if seconds < REMEMBERED}
        queue = self.server.queue
        return ClusterStatus(
            cluster=self.server.cluster.name,
            revision=revision,
            servers=sorted(servers(workers, leases, silent), key=lambda server: server.name),
            workers=workers,
            objects=list(self._objects(reports, set(leases), everything=self.request.input.all)),
            leases=[
                ClusterLease(
                    name=name,
                    holder=_holder(name, lease.holder),
                    token=lease.token,
                    seconds=round(lease.left, 1),
                )
                for name, lease in leases.items()
            ],
            queue=dict(queue.status()) if queue is not None else None,
            unknown=unknown,
        )

    def _objects(
        self, reports: dict[str, WorkerReport], held: set[str], *, everything: bool
    ) -> Iterator[ClusterObject]:
        """Those with which something is wrong, or all: one for each state in which some workers have it."""
        known = [" ".join(row.key) for row in self.server.definitions.all()]
        more = {key for report in reports.values() for key in report.states} - set(known)
        for key in [*known, *sorted(more)]:
            found: dict[tuple[str, str], list[str]] = {}
            since: dict[tuple[str, str], float] = {}
            for worker, report in reports.items():
                told = report.states.get(key) or ObjectState(RUNNING if key in known else "")
                told_state = (told.state, told.why)
                found.setdefault(told_state, []).append(worker)
                since[told_state] = max(since.get(told_state, 0.0), told.since)
            kind, type, name = key.split(" ", 2)
            lease = f":{kind}:{type}:{name}"
            for (was, why), workers in found.items():
                state = was
                if (
                    was == ELSEWHERE
                    and len(found) == 1
                    and not any(one.endswith(lease) for one in held)
                ):
                    state = "unplaced"
                if state in ("", ELSEWHERE) or (
                    state in (RUNNING, INACTIVE) and not why and not everything
                ):
                    continue
                yield ClusterObject(
                    kind=kind,
                    type=type,
                    name=name,
                    state=state,
                    why=why,
                    since=since[was, why],
                    workers=workers,
                )


class Restart(OnCluster):
    """Have one server finish what it has, end, and start anew with what is installed and configured now.

    `hansa cluster restart` calls it for one server after the other, having each taken out of the load-balancer before.
    """

    name, Input, Output = "admin.cluster.restart", ServerName, Restarting

    def handle(self) -> Any:
        name = self.request.input.name
        reports, leases, _ = self.look()
        there = sorted({report.server for report in reports.values()})
        if name not in there:
            raise NotFound(
                f"no server {name!r} runs in this cluster (there are: {', '.join(there)})"
            )
        lease = leases.get(name_lease(name), NO_LEASE)
        self.log.warning("%s restarts the server %s", self.caller or "somebody", name)
        return Restarting(
            name=name,
            incarnation=lease.token,
            revision=self.server.cluster.restart(name, by=self.caller),
        )


def servers(
    workers: list[ClusterWorker],
    leases: dict[str, HeldLease],
    silent: dict[str, float],
) -> Iterator[ClusterServer]:
    """The servers: those with workers, and of the others those that were `silent` for so many seconds."""
    for name in {worker.server for worker in workers} | set(silent):
        own = [worker for worker in workers if worker.server == name]
        lease = leases.get(name_lease(name), NO_LEASE)
        holder = Holder.read(lease.holder)
        wanted = holder.workers if holder else len(own)
        state = (
            "starting"
            if len(own) < wanted
            else "behind"
            if any(worker.behind for worker in own)
            else "ready"
        )
        yield ClusterServer(
            name=name,
            state=state if own else "silent",
            host=holder.host if holder else "",
            pid=holder.pid if holder else 0,
            incarnation=lease.token,
            workers=len(own),
            wanted=wanted,
            revision=min((worker.revision for worker in own), default=0),
            seconds=min((worker.seconds for worker in own), default=silent.get(name, 0.0)),
        )


def _holder(name: str, text: str) -> str:
    holder = Holder.read(text) if name.startswith("name:") else None
    return f"{holder.host} process {holder.pid}" if holder else text


OPERATIONS: tuple[type[Operation], ...] = (Status, Restart)
