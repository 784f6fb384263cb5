"""The server that hooks, services, channels and other objects see: this worker, and through it the
cluster.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from ..cluster.cluster import Cluster
from ..cluster.file_records import FileRecords
from ..cluster.leases import Leases
from ..cluster.odb_bus import OdbBus
from ..contract.bus import Bus, Queue, Records
from ..contract.calls import QueueOptions, RouteOptions
from ..contract.journal import Journal
from ..contract.message import Request, Response
from ..contract.records import StoredChange
from ..contract.worker_answer import WorkerAnswer
from ..definitions.definitions import Definitions
from ..definitions.store import DefinitionStore
from ..deployment.packages import Packages
from ..deployment.store import PackageStore
from ..foundation.errors import Unavailable, Undefined
from ..foundation.processes import process_mark, started_at
from ..odb.change_log import OdbChangeLog
from ..odb.database import Database
from ..odb.journal import OdbJournal
from ..odb.keys import Keys
from ..plugins.configuration import Config
from ..plugins.discovery import Plugins
from ..settings.model import Model
from .blocked_loop import BlockedLoop
from .installed_plugins import InstalledPlugins
from .invoke import Invocations
from .memory import MemoryWatch
from .objects import Objects
from .outgoing import Namespace
from .overdue import OverdueCalls, OverdueStarts
from .worker_calls import WorkerCalls

if TYPE_CHECKING:
    from redis import Redis

ResourceT = TypeVar("ResourceT")
SectionT = TypeVar("SectionT", bound=Model)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker stands in its server: its index, which start of a worker it is, and what the
    supervisor hands to it.

    `sockets` are those bound by `hansa_listen`, `engines` the addresses of engines, both by name.
    """

    index: int
    generation: int
    sockets: Mapping[str, socket.socket]
    engines: Mapping[str, str]


class WorkerServer:
    """The server as one of its workers sees it. Its parts are the attributes; nothing here is on
    the request path.

    `wake` is set when this worker is to look at the change log; `replace_workers` and
    `replace_worker` ask the supervisor to do so.
    """

    ready = False
    closing = False

    def __init__(
        self,
        config: Config,
        place: Place,
        plugins: Plugins,
        database: Database,
        keys: Keys,
        replace_workers: Callable[[], None],
        replace_worker: Callable[[str], None],
    ) -> None:
        self._fault = ""
        self.config = config
        self.dir: Path = config.dir
        self.name: str = config.server.name
        self.worker: int = place.index
        self.id = f"{self.name}/{self.worker}.{place.generation}"
        self.grace: float = config.server.grace
        self.log = logging.getLogger("hansa.server")
        self.sockets = place.sockets
        self.engines = place.engines
        self.registry = plugins.registry
        self.starts = plugins.starts
        self.database = database
        self.change_log = OdbChangeLog(database)
        self.keys = keys
        self.wake = threading.Event()
        self._replace_workers = replace_workers
        self._replace_worker = replace_worker
        self._resources: dict[type, object] = {}
        # the bus over the ODB, unless a plugin, which sees what is there by now, brings a faster one
        self.bus: Bus = OdbBus(database.engine, config.server.cluster)
        self.cluster = Cluster(config.server.cluster, database, keys, self.bus, self.wake.set)
        faster: Bus | None = plugins.hook.hansa_bus(server=self)
        if faster is not None:
            self.bus = faster
            self.cluster.use(faster)
        self.definitions = Definitions(
            DefinitionStore(database, keys),
            self.registry,
            keys,
            self.cluster.announce,
            partial(plugins.secret, self),
        )
        self.packages = Packages(
            PackageStore(database, keys),
            self.registry,
            self.cluster.announce,
            self.definitions,
            trial_timeout=config.server.trial_timeout,
            trial_memory=config.server.trial_memory,
            trial_modules=plugins.modules,
            dialects=plugins.dialects(self),
        )
        self.plugins = InstalledPlugins(plugins, config.path, self.definitions.store, self.cluster)
        pid = os.getpid()
        mark = process_mark(config.dir, pid, started_at(pid))
        self.leases = Leases(self.bus, self.id, mark)
        start_limit = config.server.start_limit
        self.overdue_starts = OverdueStarts(start_limit, self.starts, self.wake.set)
        self.objects = Objects(
            self,
            self.registry,
            self.definitions.read_to_run,
            self.definitions.preview,
            self.leases,
            plugins.wraps,
            plugins.starts,
            self.wake.set,
            plugins.guards,
            self.overdue_starts,
        )
        self.objects.router.witnesses = plugins.witnesses
        self.objects.router.observers = plugins.observers
        self._stored_hook: Callable[..., object] = plugins.hook.hansa_stored
        database.stored = self._tell_stored
        self.overdue_calls = OverdueCalls(self.objects.inflight, config.server.call_limit)
        self.blocked_loop = BlockedLoop(config.server.loop_limit, replace_worker)
        self.memory_watch = MemoryWatch(config.server.worker_memory, replace_worker)
        self.outgoing = Namespace(self.objects)
        self._calls = Invocations(self.registry, self.objects.router)
        self._calls.queue = plugins.hook.hansa_queue(server=self)
        self.worker_calls = WorkerCalls(self.id, self.bus, self.cluster, self._calls)

    @property
    def fault(self) -> str:
        """Why this worker cannot serve although it runs; an empty text if it can."""
        return self._fault or self.blocked_loop.fault

    @fault.setter
    def fault(self, why: str) -> None:
        self._fault = why

    @property
    def queue(self) -> Queue | None:
        """The queue of asynchronous calls; None where no plugin gives one."""
        return self._calls.queue

    @property
    def redis(self) -> Redis:
        """The redis-py client (text, not bytes) of the cluster's Redis; raises `Unavailable` where
        there is none.
        """
        client = self.bus.redis
        if client is None:
            raise Unavailable(
                "this needs Redis: install hansa-redis, with its embedded Valkey, or set [redis] address"
            )
        return client

    def records(self, namespace: str) -> Records:
        """Return small records that outlive a process: the cluster's where the bus keeps some, else
        this server's own.
        """
        shared = self.bus.records(namespace)
        return shared or FileRecords(self.dir / namespace)

    def journal(self, name: str) -> Journal:
        """Return the journal of a name in the ODB."""
        return OdbJournal(self.database, name)

    def _tell_stored(self, change: StoredChange) -> None:
        """Have plugins learn of a change that was stored; what they raise is logged."""
        try:
            self._stored_hook(server=self, change=change)
        except Exception:
            self.log.exception("a plugin failed when it learnt of revision %d", change.revision)

    def section(self, model: type[SectionT]) -> SectionT:
        """Return a section of config.toml by the model that `hansa_settings` declared for it."""
        return self.config.section(model)

    def add_resource(self, resource: object) -> None:
        """Keep what a plugin's `hansa_startup` returned."""
        self._resources[type(resource)] = resource

    def resource(self, wanted: type[ResourceT]) -> ResourceT:
        """Return the object of this class that a plugin's `hansa_startup` returned; raises
        `Undefined`.
        """
        found = self._resources.get(wanted)
        if not isinstance(found, wanted):
            raise Undefined(f"no plugin has started a {wanted.__name__} in this worker")
        return found

    def replace_workers(self) -> None:
        """Have the workers of this server replaced one by one; no request is lost."""
        self._replace_workers()

    def replace_worker(self, why: str) -> None:
        """Have this worker replaced, which cannot go on; the log says why."""
        self._replace_worker(why)

    def invoke(
        self,
        name: str,
        payload: object = None,
        *,
        cid: str = "",
        extra: Mapping[str, object] | None = None,
    ) -> Any:
        """Call a service in this worker and return its answer; its exceptions come through."""
        return self._calls.invoke(name, payload, cid=cid, extra=extra)

    def invoke_on(
        self,
        workers: Iterable[str],
        name: str,
        payload: object = None,
        *,
        cid: str = "",
        timeout: float = 5.0,
        extra: Mapping[str, object] | None = None,
    ) -> dict[str, WorkerAnswer]:
        """Call a service in each of these workers, and return what each answered."""
        return self.worker_calls.ask(workers, name, payload, cid=cid, timeout=timeout, extra=extra)

    def invoke_async(
        self,
        name: str,
        payload: object = None,
        *,
        cid: str = "",
        **options: Unpack[QueueOptions],
    ) -> str:
        """Queue a call, delivered at least once by any worker of the cluster; returns its
        correlation id.
        """
        return self._calls.invoke_async(name, payload, cid=cid, **options)

    def invoke_async_many(
        self,
        name: str,
        payloads: Iterable[object],
        *,
        cid: str = "",
        **options: Unpack[QueueOptions],
    ) -> str:
        """Queue a call for each payload, or none; returns their correlation id."""
        return self._calls.invoke_async_many(name, payloads, cid=cid, **options)

    def handle(
        self,
        name: str,
        request: Request,
        **options: Unpack[RouteOptions],
    ) -> Response:
        """Run a request through a service as a channel of this type and name would, in a format if
        given; never raises.
        """
        return self._calls.handle(name, request, **options)
