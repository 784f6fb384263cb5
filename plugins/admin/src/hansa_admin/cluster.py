"""The admin services of the cluster: `admin.cluster.{status,restart}`."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Annotated, Any

from hansa import (
    DefinitionRecord,
    HeldLease,
    Holder,
    Model,
    NotFound,
    ObjectState,
    Registry,
    WorkerReport,
    lease_name,
    name_lease,
    setting,
)
from hansa_cli.access import ELSEWHERE, RUNNING

from .administration import Administration
from .cluster_settings import appearance_of
from .definition_index import DefinitionSnapshot
from .operation import Operation
from .outcome import UNPLACED

REMEMBERED = 86400.0
"""Seconds for which a server is listed that was killed and not started again."""
NO_LEASE = HeldLease("", 0, 0.0)
INACTIVE = "inactive"


class StatusInput(Model):
    """How much of the cluster to show."""

    all: Annotated[bool, setting("Every object, not only those that do not run")] = False


class ClusterServer(Model):
    """A server of the cluster."""

    name: Annotated[str, setting("Its name")]
    state: Annotated[
        str,
        setting(
            "ready; behind: a worker lacks a change; starting: some workers do not run yet; "
            "silent: it was killed"
        ),
    ]
    host: Annotated[str, setting("Host it runs on; empty if unknown")]
    pid: Annotated[int, setting("Process id of its supervisor; 0 if unknown")]
    incarnation: Annotated[
        int, setting("Number that grows with each start of the server; 0 if unknown")
    ]
    workers: Annotated[int, setting("Workers that run")]
    wanted: Annotated[int, setting("Workers that should run")]
    revision: Annotated[int, setting("Revision that all of its workers have applied")]
    seconds: Annotated[float, setting("Seconds since the last report of one of its workers")]


class ClusterWorker(Model):
    """A worker of the cluster."""

    name: Annotated[str, setting("Its name: SERVER/INDEX.GENERATION")]
    server: Annotated[str, setting("Its server")]
    revision: Annotated[int, setting("Revision that it has applied")]
    behind: Annotated[int, setting("Number of revisions that it has yet to apply")]
    seconds: Annotated[float, setting("Seconds since its last report")]


class ClusterObject(Model):
    """The object of a definition, or of a deployed package, in the workers where it has one state."""

    kind: Annotated[str, setting("Kind of the definition, or service")]
    type: Annotated[str, setting("Type of the definition, or package")]
    name: Annotated[str, setting("Its name")]
    state: Annotated[
        str,
        setting("running, retrying, failed, inactive; unplaced: it runs once, and runs nowhere"),
    ]
    why: Annotated[str, setting("Reason why it does not run")]
    since: Annotated[
        float, setting("Start of this state, in seconds of the Unix epoch; 0 if unknown")
    ]
    workers: Annotated[list[str], setting("The workers")]


class ClusterLease(Model):
    """The right to run something once."""

    name: Annotated[
        str, setting("cluster:KIND:TYPE:NAME, server:SERVER:KIND:TYPE:NAME, or name:SERVER")
    ]
    holder: Annotated[
        str, setting("Worker that holds it; of a server's name the host and the process")
    ]
    token: Annotated[int, setting("Its fencing token, which grows whenever it is taken")]
    seconds: Annotated[float, setting("Seconds until it ends unless it is renewed")]


class ClusterStatus(Model):
    """The state of the whole cluster."""

    cluster: Annotated[str, setting("Its name")]
    label: Annotated[str, setting("Short text by which people know it; its name if there is none")]
    colour: Annotated[str, setting("Colour in which its pages are marked; empty for none")]
    production: Annotated[bool, setting("Whether it is the one that others rely on")]
    revision: Annotated[int, setting("The newest revision")]
    servers: Annotated[list[ClusterServer], setting("Servers, by name")]
    workers: Annotated[list[ClusterWorker], setting("Workers, by name")]
    objects: Annotated[
        list[ClusterObject],
        setting("Objects that do not run or whose other side does not answer; or all, by state"),
    ]
    leases: Annotated[list[ClusterLease], setting("Leases that are held")]
    queue: Annotated[
        dict[str, Any] | None,
        setting("State of the asynchronous queue, as its plugin reports it; null if there is none"),
    ]
    unknown: Annotated[list[str], setting("What could not be found out, and why")]


class ServerName(Model):
    """A server, by name."""

    name: Annotated[str, setting("Name of the server", min_length=1, example="server1")]


class Restarting(ServerName):
    """A restart that was requested."""

    revision: Annotated[int, setting("Revision by which the server learns of it")]
    incarnation: Annotated[
        int, setting("Incarnation that is to end; that of the next start is greater")
    ]


@dataclass(frozen=True)
class Snapshot:
    """The reports of workers, the leases that are held, and what could not be found out."""

    reports: dict[str, WorkerReport]
    leases: dict[str, HeldLease]
    unknown: list[str] = field(default_factory=list)


class ClusterOperation(Operation):
    """An operation on the cluster."""

    abstract = True

    @property
    def definitions(self) -> DefinitionSnapshot:
        """The definitions of now."""
        return self.server.resource(Administration).index.current(self.server)

    def look(self) -> Snapshot:
        """Return what the workers report, and the leases of servers and of what runs once."""
        reports = self.server.cluster.reports()
        servers = {report.server for report in reports.values()}
        try:
            channels = self.definitions.of_kind("channel")
            leases = leases_of_channels(self.server.registry, channels, servers)
            wanted = {*map(name_lease, servers), *leases}
            return Snapshot(reports, self.server.cluster.leases(sorted(wanted)))
        except Exception as error:
            # what carries the leases may be down, and that is when one looks here
            return Snapshot(reports, {}, [f"leases: {error}"])

    def workers(self, found: Snapshot, revision: int) -> list[ClusterWorker]:
        """Return the workers, and how far each is behind a revision."""
        now = time.time()
        return [_worker(report, revision, now) for report in found.reports.values()]

    def servers(self, found: Snapshot, workers: list[ClusterWorker]) -> list[ClusterServer]:
        """Return the servers of these workers, and those that are silent, by name."""
        now = time.time()
        silent = {
            report.server: round(now - report.at, 1)
            for report in self.server.cluster.reports(silent=True).values()
            if now - report.at < REMEMBERED
        }
        return sorted(servers(workers, found.leases, silent), key=lambda one: one.name)


def leases_of_channels(
    registry: Registry, channels: Iterable[DefinitionRecord], servers: Iterable[str]
) -> set[str]:
    """Return the leases of the channels that run once in the cluster, or once in each server."""
    placement = {one.type: one.cls.placement for one in registry.types("channel")}
    names = list(servers)
    found = set()
    for record in channels:
        place = placement.get(record.type, "worker")
        if place != "worker":
            found |= {lease_name(place, name, record.key) for name in names}
    return found


class Status(ClusterOperation):
    """Show the cluster: servers, workers, objects that do not run, leases, the queue."""

    name = "admin.cluster.status"
    right = "view"
    Input = StatusInput
    Output = ClusterStatus

    def handle(self) -> ClusterStatus:
        """Return it, as complete as it can be found out."""
        cluster = self.server.cluster
        found = self.look()
        revision = cluster.revision()
        workers = self.workers(found, revision)
        queue = self.server.queue
        asked: StatusInput = self.request.input
        appearance = appearance_of(self.server)
        return ClusterStatus(
            cluster=cluster.name,
            label=appearance.label,
            colour=appearance.colour,
            production=appearance.production,
            revision=revision,
            servers=self.servers(found, workers),
            workers=workers,
            objects=list(
                objects_of(
                    found.reports, found.leases, self.definitions.names, everything=asked.all
                )
            ),
            leases=[_lease(name, lease) for name, lease in found.leases.items()],
            queue=dict(queue.status()) if queue is not None else None,
            unknown=found.unknown,
        )


def objects_of(
    reports: Mapping[str, WorkerReport],
    held: Collection[str],
    defined: Set[str],
    *,
    everything: bool = False,
) -> Iterator[ClusterObject]:
    """Return the objects with which something is wrong, or all, one for each of their states.

    `held` are leases that are held, `defined` the definitions as reports name them.
    """
    # workers do not report what runs without trouble
    named = {
        key
        for report in reports.values()
        for key, state in report.states.items()
        if everything or not _is_healthy(state)
    }
    for key in sorted(named | defined if everything else named):
        default = ObjectState(RUNNING if key in defined else "")
        states = {worker: report.states.get(key, default) for worker, report in reports.items()}
        for one in _by_state(key, states, held):
            if everything or not _is_healthy(one):
                yield one


def _is_healthy(state: ObjectState | ClusterObject) -> bool:
    """Whether a state is as it is wanted, and the other side answers."""
    return state.state in (RUNNING, INACTIVE) and not state.why


def _by_state(
    key: str, states: Mapping[str, ObjectState], held: Collection[str]
) -> Iterator[ClusterObject]:
    """Return an object once for each of its states; those that say nothing are left out."""
    kind, type, name = key.split(" ", 2)
    is_held = any(lease.endswith(f":{kind}:{type}:{name}") for lease in held)
    workers: dict[tuple[str, str], list[str]] = {}
    since: dict[tuple[str, str], float] = {}
    for worker, state in states.items():
        found = (state.state, state.why)
        workers.setdefault(found, []).append(worker)
        since[found] = max(since.get(found, 0.0), state.since)
    for (state_name, why), names in workers.items():
        nowhere = state_name == ELSEWHERE and len(workers) == 1 and not is_held
        if state_name in ("", ELSEWHERE) and not nowhere:
            continue
        yield ClusterObject(
            kind=kind,
            type=type,
            name=name,
            state=UNPLACED.state if nowhere else state_name,
            why=why,
            since=since[state_name, why],
            workers=names,
        )


class Restart(ClusterOperation):
    """Have one server finish what it has, end, and start anew with what is installed and
    configured.

    `hansa cluster restart` calls it for one server after the other, each taken out of the load
    balancer before.
    """

    name = "admin.cluster.restart"
    right = "operate"
    Input = ServerName
    Output = Restarting

    def handle(self) -> Restarting:
        """Ask for it, by a line in the change log; raises `NotFound` for an unknown server."""
        name = self.request.input.name
        found = self.look()
        there = sorted({report.server for report in found.reports.values()})
        if name not in there:
            known = ", ".join(there)
            raise NotFound(f"no server {name!r} runs in this cluster (there are: {known})")
        lease = found.leases.get(name_lease(name), NO_LEASE)
        self.log.warning("%s restarts the server %s", self.caller or "somebody", name)
        revision = self.server.cluster.restart(name, by=self.caller)
        return Restarting(name=name, incarnation=lease.token, revision=revision)


def servers(
    workers: Iterable[ClusterWorker],
    leases: Mapping[str, HeldLease],
    silent: Mapping[str, float],
) -> Iterator[ClusterServer]:
    """Return the servers: those with workers, and others with the seconds since they went silent."""
    by_server: dict[str, list[ClusterWorker]] = {name: [] for name in silent}
    for worker in workers:
        by_server.setdefault(worker.server, []).append(worker)
    for name, own in by_server.items():
        lease = leases.get(name_lease(name), NO_LEASE)
        holder = Holder.read(lease.holder)
        wanted = holder.workers if holder else len(own)
        yield ClusterServer(
            name=name,
            state=_server_state(own, wanted),
            host=holder.host if holder else "",
            pid=holder.pid if holder else 0,
            incarnation=lease.token,
            workers=len(own),
            wanted=wanted,
            revision=min((worker.revision for worker in own), default=0),
            seconds=min((worker.seconds for worker in own), default=silent.get(name, 0.0)),
        )


def _server_state(workers: list[ClusterWorker], wanted: int) -> str:
    if not workers:
        return "silent"
    if len(workers) < wanted:
        return "starting"
    if any(worker.behind for worker in workers):
        return "behind"
    return "ready"


def _worker(report: WorkerReport, revision: int, now: float) -> ClusterWorker:
    return ClusterWorker(
        name=report.worker,
        server=report.server,
        revision=report.revision,
        behind=max(0, revision - report.revision),
        seconds=round(max(0.0, now - report.at), 1),
    )


def _lease(name: str, lease: HeldLease) -> ClusterLease:
    holder = Holder.read(lease.holder) if name.startswith("name:") else None
    worker, _, _ = lease.holder.partition(" ")
    return ClusterLease(
        name=name,
        holder=f"{holder.host} process {holder.pid}" if holder else worker,
        token=lease.token,
        seconds=round(lease.left, 1),
    )


OPERATIONS: tuple[type[Operation], ...] = (Status, Restart)
