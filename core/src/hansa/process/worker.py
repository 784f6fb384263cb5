"""One worker: a process that loads plugins, follows the change log and serves."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from types import FrameType
from typing import Any, NoReturn

from ..cluster.membership import Membership
from ..cluster.odb_watch import OdbWatch
from ..contract.packages import PackageVersion
from ..contract.records import DefinitionRecord
from ..deployment.activate import Activation
from ..foundation.errors import Invalid
from ..foundation.exits import log_exits, watch_exits
from ..foundation.origins import inherit_origins, on_thread_start, origins
from ..foundation.starts import STARTS, Starts
from ..odb.database import Database
from ..odb.engine import open_engine
from ..odb.identity import open_own
from ..odb.key_check import adopt_keys
from ..odb.keys import Keys, load_keys
from ..odb.reports import WorkerReports
from ..plugins.configuration import Config, read_config
from ..plugins.discovery import Plugins, load_plugins
from ..runtime.server import Place, WorkerServer
from ..runtime.threads import owners
from . import logs
from .control import Control, Job, take_standard_input
from .declared import declare
from .follower import Follower
from .hanging import HangWatch
from .prctl import name_process

log = logging.getLogger("hansa.worker")

PROCESS_NAME = "hansa-worker"
"""What `ps` and `top` show of a worker."""


class Worker:
    """The life of one worker: it starts and ends the server that plugins see."""

    def __init__(
        self,
        config: Config,
        job: Job,
        control: Control,
        plugins: Plugins,
        database: Database,
        keys: Keys,
    ) -> None:
        self.control = control
        self._replaces_another = bool(job.needed)
        self.plugins = plugins
        self.database = database
        self.reports = WorkerReports(database)
        self.keys = keys
        place = Place(job.index, job.generation, job.sockets, job.engines)
        self.server = WorkerServer(
            config,
            place,
            plugins,
            database,
            keys,
            lambda: control.tell("reload", revision=0),
            lambda why: control.tell(
                "replace", index=job.index, generation=job.generation, why=why
            ),
        )
        self.membership = Membership(self.server, config.server.workers)
        watch = OdbWatch(database, config.dir, keys)
        self.follower = Follower(self.server, database, self._packages_loaded, control.tell, watch)
        self.activation = Activation(
            self.server.packages.store,
            plugins.registry,
            lambda names: self.server.objects.router.recompile("service", names),
            self.follower.note_package,
            self._deployed,
            plugins.starts,
            self.server.packages.dialects,
        )
        self._stop = threading.Event()
        self._parent = os.getppid()

    def start(self) -> None:
        """Load everything that is stored, start it, and begin to serve; raises what keeps this
        worker from it.
        """
        server = self.server
        self.membership.start()
        for resource in self.plugins.start(server):
            server.add_resource(resource)
        self.plugins.register_attributes(server)
        self.plugins.register_services(server)
        for kind, type, name, data in self.plugins.definitions(server):
            record = DefinitionRecord(kind, type, name, data, builtin=True)
            server.definitions.builtin[record.key] = record
        if server.worker == 0:
            declare(server, self.keys)
        self.follower.revision = self.database.revision()
        self.activation.load()
        builtin = server.definitions.builtin.values()
        server.objects.apply([*server.definitions.store.all(), *builtin])
        if not self._replaces_another:
            self._forget_predecessors()
        # from its first report on it ends in good order, which takes that back
        signal.signal(signal.SIGTERM, self._end)
        self._note_broken_plugins()
        self.follower.report()
        server.leases.start()
        server.overdue_calls.start()
        server.overdue_starts.start()
        server.memory_watch.start()
        server.blocked_loop.start()
        self.follower.start()
        listening = (server.wake.set, self.follower.ended)
        threading.Thread(
            target=server.bus.listen, args=listening, name="nudges", daemon=True
        ).start()
        self.plugins.serve(server)
        self._note_broken_plugins()

    def _note_broken_plugins(self) -> None:
        for plugin in self.plugins.broken:
            self.follower.note_plugin(plugin.name, plugin.status, plugin.why)

    def _forget_predecessors(self) -> None:
        """Drop the reports of workers that ran in this place before, and did not end in good order;
        one that is replaced serves until it has ended, and then drops its own.
        """
        place = self.server.id.rpartition(".")[0]
        for worker in self.reports.all():
            if worker.rpartition(".")[0] == place:
                self.reports.forget(worker)

    def _packages_loaded(self) -> AbstractContextManager[None]:
        return self.activation.loaded_meanwhile()

    def _deployed(self, package: PackageVersion) -> None:
        # what is loaded while the worker starts was deployed before
        if self.server.ready:
            self.plugins.hook.hansa_deployed(server=self.server, package=package)

    def run(self) -> None:
        """Wait for the end, then finish what was accepted and stop."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        plugins = self.plugins
        self.control.tell("ready", plugins=plugins.loaded, modules=plugins.imported)
        # only now may a message be begun that ends this process: else that would be a failed start
        self.server.ready = True
        self.server.starts.serve()
        self.server.worker_calls.start()
        if self.server.queue is not None:
            self.server.queue.start()
        threading.Thread(target=self._wait_for_supervisor, name="control", daemon=True).start()
        self._stop.wait()
        self.stop()

    def _wait_for_supervisor(self) -> None:
        self.server.closing = self.control.wait_for_end(self._hear)
        self._stop.set()

    def _hear(self, event: dict[str, Any]) -> None:
        """Note what the supervisor says: that another worker has ended, or that this worker's
        successor did not start.
        """
        if event["event"] == "ended":
            self.server.leases.note_end(event["mark"])
            if event["place"]:
                self.follower.note_end(f"{self.server.name}/{event['place']}")
        else:
            self.follower.note_failed_successor(event["why"])

    def _end(self, number: int, frame: FrameType | None) -> None:
        # a child's parent changes when it dies: then nobody else will serve its sockets
        if os.getppid() != self._parent:
            self.server.closing = True
        self._stop.set()

    def stop(self) -> None:
        """Finish what was accepted, stop everything; a step that fails does not keep the others
        from being done.
        """
        server = self.server
        server.ready = False
        steps: list[Callable[[], object]] = [
            lambda: self.plugins.hook.hansa_drain(server=server),
            self.follower.end,
            lambda: server.worker_calls.stop(server.grace),
            self._stop_queue,
            server.objects.stop,
            server.leases.stop,
            server.overdue_calls.stop,
            server.overdue_starts.stop,
            server.memory_watch.stop,
            server.blocked_loop.stop,
            self.follower.join,
            lambda: self.plugins.hook.hansa_shutdown(server=server),
            self.membership.stop,
            lambda: self.reports.forget(server.id),
            server.starts.end,
        ]
        for step in steps:
            try:
                step()
            except Exception:
                log.exception("a step of stopping failed")

    def _stop_queue(self) -> None:
        if self.server.queue is not None:
            self.server.queue.stop(self.server.grace)


def main() -> NoReturn:
    """Run a worker in an interpreter of its own: standard input is its control pipe."""
    name_process(PROCESS_NAME)
    prepare()
    run(Control(take_standard_input()))


def prepare() -> None:
    """Have what a process does from now on be laid to the plugin or definition that has begun it;
    before any plugin is imported, once.
    """
    owners.install()
    on_thread_start(origins.note)
    inherit_origins()
    watch_exits()


def run(control: Control) -> NoReturn:
    """Be the worker of the job that comes by a pipe, as a line of JSON, with the sockets; in a
    process that is prepared.
    """
    job = control.receive_job()
    os.environ.update(job.environment)
    config = read_config(job.config, directory=str(job.dir), overrides=job.overrides)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    starts = Starts(config.dir / STARTS)
    end = log_exits(starts.note_end)
    faulthandler.enable()  # a crash prints the stacks of all threads
    HangWatch(config.server.start_limit, starts, partial(end, 1)).start()
    try:
        worker = _make_worker(config, job, control, starts)
        worker.start()
        gc.freeze()
        gc.enable()
    except BaseException as error:
        # objects that still start are not to blame
        starts.end()
        _report_failure(control, error)
        end(1)
    worker.run()
    logging.shutdown()
    # threads of services and libraries that do not end must not keep a stopped worker alive
    end(0)


def _make_worker(config: Config, job: Job, control: Control, starts: Starts) -> Worker:
    logs.set_up(config.dir, config.log)
    # the first start makes a key, and knows by the ODB that it is the first
    keys = load_keys(config.dir, config.server.secret_key)
    engine = open_engine(config.odb_url)
    open_own(engine, config.dir)
    database = Database(engine)
    adopt_keys(database, keys)
    blocked = database.blocked_plugins()
    plugins = load_plugins(config, blocked, starts=starts, needed=job.needed, failed=job.failed)
    return Worker(config, job, control, plugins, database, keys)


def _report_failure(control: Control, error: BaseException) -> None:
    """Tell the supervisor what kept this worker from starting."""
    if isinstance(error, Invalid):
        faults = error.errors
    else:
        faults = {"": f"{type(error).__name__}: {error}"}
        log.exception("the worker could not start")
    control.tell("failed", faults=faults)
