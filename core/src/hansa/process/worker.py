"""One worker: a process that loads plugins, follows the change log and serves."""

from __future__ import annotations

import gc
import hashlib
import hmac
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from itertools import groupby
from typing import Any

from ..contract.kinds import Edit
from ..definitions.store import Change, Row, Store
from ..deployment import deploy
from ..foundation.errors import HansaError, Invalid
from ..odb.keys import Keys, load_keys
from ..odb.migrations.schema import create_schema
from ..odb.tables import open_engine
from ..plugins.configuration import Config, read_config
from ..plugins.discovery import Plugins, check_plugins, load_plugins
from ..plugins.registry import Clash, Deployed
from ..runtime.server import Facade
from . import logs

log = logging.getLogger("hansa.worker")
POLL, HEARTBEAT = 2.0, 5.0


class Worker(Facade):
    """The life of one worker; what plugins see of it is the facade it derives from."""

    def __init__(
        self, config: Config, job: dict[str, Any], plugins: Plugins, store: Store, keys: Keys
    ) -> None:
        super().__init__(config, job, plugins, store, keys)
        self._control: socket.socket = job["control"]
        self._stop, self._ended = threading.Event(), threading.Event()
        self._parent = os.getppid()
        self._failed: dict[str, dict[str, Any]] = {}
        self._reported: dict[str, Any] = {}
        self._before: dict[str, deploy.Loaded] = {}
        self.revision = 0

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load everything that is stored, start it, and begin to serve; raises what keeps this worker from it."""
        hook = self.plugins.hook
        hook.hansa_startup(server=self)
        self.plugins.register_services(self)
        given = [
            definition for several in hook.hansa_definitions(server=self) for definition in several
        ]
        rows = [Row(kind, type, name, data, builtin=True) for kind, type, name, data in given]
        self.builtin = {row.key: row for row in rows}
        if self.worker == 0:
            self._declare()
        self.revision = self.store.revision()
        self._load_packages()
        self._objects.apply([*self.store.definitions(), *self.builtin.values()])
        for worker in self.store.reports():  # of those that ran in this place before
            if worker.rpartition(".")[0] == self.id.rpartition(".")[0]:
                self.store.forget_applied(worker)
        # from its first report on it ends in good order, which takes that back
        signal.signal(signal.SIGTERM, self._end)
        self._report()
        self._leases.start()
        self._follower = threading.Thread(target=self._follow, name="follow", daemon=True)
        self._follower.start()
        threading.Thread(
            target=self.bus.listen, args=(self._wake.set, self._ended), name="nudges", daemon=True
        ).start()
        hook.hansa_serve(server=self)

    def run(self) -> None:
        """Wait for the end, then finish what was accepted and stop."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.tell("ready")
        self.ready = True  # only now may a message be begun that ends this process: else that would be a failed start
        if self.queue is not None:
            self.queue.start()
        threading.Thread(target=self._listen_to_supervisor, name="control", daemon=True).start()
        self._stop.wait()
        self.stop()

    def _end(self, *_: Any) -> None:
        # a child's parent changes when it dies: then nobody else will serve its sockets
        self.closing = self.closing or os.getppid() != self._parent
        self._stop.set()

    def stop(self) -> None:
        """Finish what was accepted, stop everything."""
        self.ready = False
        hook, queue = self.plugins.hook, self.queue
        for step in (
            lambda: hook.hansa_drain(server=self),
            self._ended.set,
            lambda: queue and queue.stop(self.config.server.grace),
            self._objects.stop,
            self._leases.stop,
            lambda: self._follower.join(POLL),  # else its last report would come after the end
            lambda: hook.hansa_shutdown(server=self),
            lambda: self.store.forget_applied(self.id),
        ):
            try:
                step()
            except Exception:
                log.exception("a step of stopping failed")

    def tell(self, event: str, **more: Any) -> None:
        """Send a line to the supervisor."""
        self._control.sendall(json.dumps({"event": event, **more}).encode() + b"\n")

    def _listen_to_supervisor(self) -> None:
        # all it says is to stop; the end of the pipe: it is gone, nobody else will serve its sockets
        line = self._control.makefile("r").readline()
        self.closing = not line or json.loads(line)["closing"]
        self._stop.set()

    # -- the change log ----------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        beat = 0.0
        while not self._ended.is_set():
            self._wake.wait(POLL)
            self._wake.clear()
            try:
                changes = self.store.changes(self.revision)
                for special, group in groupby(
                    changes, lambda change: change.kind in ("service", "plugin", "server")
                ):
                    (self._follow_special if special else self._follow_definitions)(list(group))
                if (
                    changes
                    or time.monotonic() - beat > HEARTBEAT
                    or self._bad_states() != self._reported
                ):
                    beat = time.monotonic()
                    self._report()
            except Exception as error:
                log.error("the change log cannot be followed at the moment: %s", error)
                self._ended.wait(POLL)

    def _follow_definitions(self, changes: list[Change]) -> None:
        """Apply changes of definitions in a row together: of one transaction, or of several."""
        keys = {(change.kind, change.type, change.name) for change in changes}
        rows = [row for row in self.store.definitions(after=self.revision) if row.key in keys]
        self._objects.apply(rows, keys - {row.key for row in rows})
        self.revision = changes[-1].revision

    def _follow_special(self, changes: list[Change]) -> None:
        """Apply other changes, one after the other."""
        for change in changes:
            key = " ".join((change.kind, change.type, change.name))
            self._failed.pop(key, None)
            try:
                if change.kind == "service":
                    self._load_packages()
                elif change.kind == "plugin":
                    self.tell("reload", revision=change.revision)
                elif (change.name, 0) == (self.name, self.worker):
                    # else it would end and not come back
                    check_plugins(self.config.path, blocked=self.store.blocked_plugins())
                    self.tell("restart")
            except Exception as error:
                self._fail(key, f"{type(error).__name__}: {error}", error)
            self.revision = change.revision

    def _fail(self, key: str, why: str, error: BaseException) -> None:
        self._failed[key] = {"state": "failed", "why": why, "since": time.time()}
        log.error("%s: %s", key, why, exc_info=error)

    def _load_packages(self) -> None:
        """Load what serves now and is not loaded, with all that imports it, and swap its services in at once."""
        before, new = deploy.loaded, list[deploy.Loaded]()
        now = {
            deploy.import_name(file): (file, version)
            for file, version in self.store.serving().items()
        }
        have = {name: (each.package, each.version) for name, each in before.items()}
        changed = {name for name in now.keys() | have.keys() if now.get(name) != have.get(name)}
        users = deploy.importers({each.package: each.source for each in before.values()}, changed)
        for name in sorted(now.keys() & (changed | {deploy.import_name(user) for user in users})):
            self._failed.pop(f"service package {now[name][0]}", None)
            if package := self.store.package(*now[name]):
                new.append(deploy.Loaded(package.file, package.version, package.source))
        errors = deploy.load(new)
        plugins, services = (
            {d.name for d in self.registry.services() if not d.version},
            list[Deployed](),
        )
        for each in [each for each in new if each.package not in errors]:
            given = [
                Deployed(cls.get_name(), cls, each.package, each.version)
                for cls in each.services.values()
            ]
            if taken := plugins & {d.name for d in given}:
                errors[each.package] = Clash(f"a plugin gives the service {taken.pop()}")
            else:
                services += given
        done = {each.name: each for each in new if each.package not in errors}
        # what cannot be loaded goes on as it was
        stays = {name: each for name, each in before.items() if name in now and name not in done}
        deploy.loaded = {**stays, **done}
        over = [each for name, each in before.items() if name not in stays]
        touched = self.registry.replace_services(
            {each.package for each in (*over, *done.values())}, services
        )
        self._objects.recompile("service", touched)
        for old in over:
            # requests that run may still look up names in the modules before these
            if older := self._before.pop(old.name, None):
                older.unload()
            self._before[old.name] = old
        for each in new:
            if error := errors.get(each.package):
                each.unload()
                self._fail(
                    f"service package {each.package}",
                    deploy.describe_error(error, each.package),
                    error,
                )
                continue
            names = ", ".join(d.name for d in services if d.origin == each.package) or "no services"
            how = "loaded" if each.name in changed else "loaded anew, with what it imports,"
            log.info("%s %s version %s: %s", how, each.package, each.version, names)

    def _bad_states(self) -> dict[str, Any]:
        return {**self._objects.states(unwell=True), **self._failed}

    def _report(self) -> None:
        self._reported = self._bad_states()
        self.store.report_applied(self.id, self.name, self.revision, self._reported)

    def _declare(self) -> None:
        """Bring what the configuration file declares into the store: what is new in it, or was changed in it since."""
        known, faults = self.store.declared(), {}
        origin: dict[str, Any] = {"by": self.config.path.name, "wait": False}
        files = dict[str, str]()
        for file in self.config.services.files:
            path = (self.config.path.parent / file).resolve()
            try:
                source = path.read_text()
                if (
                    known.get(("service", "package", path.name))
                    != hashlib.sha256(source.encode()).hexdigest()
                ):
                    files[path.name] = source
            except (OSError, ValueError) as error:
                faults[f"services.files: {file}"] = str(error)
        try:
            self.deploy(files, declared=True, **origin)
        except HansaError as error:
            faults["services.files"] = str(error)
        edits = []
        for kind, type, name, data in self.config.definitions:
            # keyed, since a bare digest would let a short secret be guessed from the database
            text = json.dumps(data, sort_keys=True, default=str)
            digest = hmac.new(self.keys.mac, text.encode(), hashlib.sha256).hexdigest()
            if known.get((kind, type, name)) != digest:
                edits.append(Edit((kind, type, name), data, declared=digest))
        try:
            if edits:
                self.change(edits, **origin)
        except HansaError as error:
            faults |= error.errors if isinstance(error, Invalid) else {"": error.detail}
        self.config.refuse(faults)


def check(path: str, directory: str, *blocked: str) -> None:
    """Load all plugins and read a configuration as a worker would; prints the faults and ends with 1 if there are any."""
    try:
        load_plugins(read_config(path, directory=directory or None), set(blocked))
    except Invalid as invalid:
        print(json.dumps(invalid.errors))
        sys.exit(1)


def main() -> None:
    """Run a worker: standard input is its control socket, on which its job comes as a line of JSON, with the sockets."""
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # not for services, nor for what they start
    first, numbers, _, _ = socket.recv_fds(control, 1, 64)
    # unbuffered, else it would also take what comes after; no line at all: the supervisor has ended
    job = json.loads(first + control.makefile("rb", buffering=0).readline() or sys.exit(0))
    job |= {"control": control, "sockets": dict(zip(job["sockets"], numbers, strict=True))}
    os.environ.update(job["environment"])
    config = read_config(job["config"], directory=job["dir"], overrides=job.get("overrides"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        logs.set_up(config.dir, config.log)
        engine = open_engine(config.odb_url)
        create_schema(engine)
        keys = load_keys(config.dir, config.server.secret_key)
        store = Store(engine, keys.mac)
        worker = Worker(config, job, load_plugins(config, store.blocked_plugins()), store, keys)
        worker.start()
        gc.freeze()
        gc.enable()
    except BaseException as error:
        faults = (
            error.errors if isinstance(error, Invalid) else {"": f"{type(error).__name__}: {error}"}
        )
        if not isinstance(error, Invalid):
            log.exception("the worker could not start")
        with control:
            control.sendall(json.dumps({"event": "failed", "faults": faults}).encode() + b"\n")
        os._exit(1)
    worker.run()
    logging.shutdown()
    # threads of services and libraries that do not end must not keep a stopped worker alive
    os._exit(0)
