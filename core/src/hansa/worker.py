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
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import deploy, logs
from .config import Config, read_config
from .definitions import in_order
from .errors import HansaError, Invalid
from .facade import Facade
from .keys import Keys, load_keys
from .odb import create_schema, open_engine
from .plugins import Plugins, load_plugins
from .registry import Deployed
from .store import Change, Row, Store

log = logging.getLogger("hansa.worker")
POLL, HEARTBEAT = 2.0, 5.0


class Worker(Facade):
    """The life of one worker; what plugins see of it is the facade it derives from."""

    def __init__(self, config: Config, job: dict[str, Any], plugins: Plugins, store: Store, keys: Keys) -> None:
        super().__init__(config, job, plugins, store, keys)
        self._control = socket.socket(fileno=job["control"])
        self._stop, self._ended = threading.Event(), threading.Event()
        self._parent = os.getppid()
        self._failed: dict[str, dict[str, Any]] = {}
        self._reported: dict[str, Any] = {}
        self._loaded: dict[str, list[int]] = {}
        self.revision = 0

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load everything that is stored, start it, and begin to serve; raises what keeps this worker from it."""
        hook = self._plugins.hook
        hook.hansa_startup(server=self)
        self._plugins.register_services(self)
        self.builtin = {
            (kind, type, name): Row(kind, type, name, data, builtin=True)
            for definitions in hook.hansa_definitions(server=self)
            for kind, type, name, data in definitions
        }
        if self.worker == 0:
            self._declare()
        self.revision = self.store.revision()
        for package in self.store.packages(current=True):
            self._load_package(package.file)
        rows = in_order(self.store.definitions() + list(self.builtin.values()))
        for kind in dict.fromkeys(row.kind for row in rows):
            self._objects.apply(row for row in rows if row.kind == kind)
        for worker in self.store.reports():  # of those that ran in this place before
            if worker.rpartition(".")[0] == self.id.rpartition(".")[0]:
                self.store.forget_applied(worker)
        self._report()
        self._leases.start()
        threading.Thread(target=self._follow, name="follow", daemon=True).start()
        threading.Thread(target=self.bus.listen, args=(self._wake.set, self._ended), name="nudges", daemon=True).start()
        if self.queue is not None:
            self.queue.start()
        hook.hansa_serve(server=self)
        self.ready = True

    def run(self) -> None:
        """Wait for the end, then finish what was accepted and stop."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.tell("ready")
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
        hook, queue = self._plugins.hook, self.queue
        for step in (
            lambda: hook.hansa_drain(server=self),
            self._ended.set,
            lambda: queue and queue.stop(self.config.server.grace),
            self._objects.stop,
            self._leases.stop,
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
        for line in self._control.makefile("r"):
            message = json.loads(line)
            if message["event"] == "stop":
                self.closing = message["closing"]
                self._stop.set()
                return
        # the end of the pipe: the supervisor is gone, nobody else will serve its sockets
        self.closing = True
        self._stop.set()

    # -- the change log ----------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        beat = 0.0
        while not self._ended.is_set():
            self._wake.wait(POLL)
            self._wake.clear()
            try:
                changes = self.store.changes(self.revision)
                for change in changes:
                    self._apply(change)
                if changes or time.monotonic() - beat > HEARTBEAT or self._bad_states() != self._reported:
                    beat = time.monotonic()
                    self._report()
            except Exception as error:
                log.error("the change log cannot be followed at the moment: %s", error)
                self._ended.wait(POLL)

    def _apply(self, change: Change) -> None:
        key = (change.kind, change.type, change.name)
        self._failed.pop(" ".join(key), None)
        try:
            if change.kind == "service":
                self._load_package(change.name)
            elif change.kind == "plugin":
                self.tell("reload", revision=change.revision)
            elif row := self.store.definition(*key):
                self._objects.apply([row])
            else:
                self._objects.remove(key)
        except Exception as error:
            self._fail(" ".join(key), f"{type(error).__name__}: {error}", error)
        self.revision = change.revision

    def _fail(self, key: str, why: str, error: BaseException) -> None:
        self._failed[key] = {"state": "failed", "why": why, "since": time.time()}
        log.error("%s: %s", key, why, exc_info=error)

    def _load_package(self, file: str) -> None:
        package, key = self.store.package(file), f"service package {file}"
        try:
            classes = deploy.load_source(file, package.version, package.source) if package else {}
            services = [Deployed(c.get_name(), c, file, package.version) for c in classes.values()] if package else []
            touched = self.registry.replace_services(file, services)
        except BaseException as error:
            self._fail(key, deploy.describe_error(error, file), error)
            return
        self._objects.recompile_services(touched)
        version = package.version if package else 0
        versions = [v for v in self._loaded.get(file, []) if v != version] + [version]
        # requests that run may still look up names in the module before this one
        for old in versions[:-2]:
            deploy.unload(file, old)
        self._loaded[file] = versions[-2:]
        log.info("loaded %s version %s: %s", file, version, ", ".join(d.name for d in services) or "no services")

    def _bad_states(self) -> dict[str, Any]:
        bad = {key: state for key, state in self._objects.states().items() if state["state"] != "running"}
        return {**bad, **self._failed}

    def _report(self) -> None:
        self._reported = self._bad_states()
        self.store.report_applied(self.id, self.name, self.revision, self._reported)

    def _declare(self) -> None:
        """Bring what the configuration file declares into the store: what is new in it, or was changed in it since."""
        known, faults = self.store.declared(), {}
        origin: dict[str, Any] = {"by": self.config.path.name, "wait": False}

        def declare(file: str) -> None:
            path = self.config.source(file)
            try:
                source = path.read_text()
                digest = hashlib.sha256(source.encode()).hexdigest()
                if known.get(("service", "package", path.name)) != digest:
                    self.deploy(path.name, source, declared=digest, **origin)
            except (OSError, HansaError) as error:
                faults[f"services.files: {file}"] = str(error)

        with ThreadPoolExecutor(4) as pool:  # each is tried in a process of its own
            list(pool.map(declare, self.config.services.files))
        for row in in_order([Row(*declared) for declared in self.config.definitions]):
            # keyed, since a bare digest would let a short secret be guessed from the database
            text = json.dumps(row.data, sort_keys=True, default=str)
            digest = hmac.new(self.keys.mac, text.encode(), hashlib.sha256).hexdigest()
            try:
                if known.get(row.key) != digest:
                    self.define(*row.key, row.data, declared=digest, **origin)
            except HansaError as error:
                inner = error.errors if isinstance(error, Invalid) else {"": error.detail}
                faults.update({".".join((*row.key, key)).strip("."): fault for key, fault in inner.items()})
        self.config.refuse(faults)


def main() -> None:
    """Run a worker: the job comes as one line of JSON on standard input, the control socket is inherited."""
    job = json.loads(sys.stdin.readline())
    config = read_config(job["config"], directory=job["dir"], overrides=job.get("overrides"))
    if job.get("check"):
        try:
            load_plugins(config, set(job["blocked"]))
        except Invalid as invalid:
            print(json.dumps(invalid.errors))
            sys.exit(1)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logs.set_up(config.dir, config.data.get("log", {}).get("level", "INFO"))
    try:
        engine = open_engine(config.odb_url)
        create_schema(engine)
        keys = load_keys(config.dir, config.server.secret_key)
        store = Store(engine, keys.mac)
        worker = Worker(config, job, load_plugins(config, store.blocked_plugins()), store, keys)
        worker.start()
        gc.freeze()
        gc.enable()
    except BaseException as error:
        faults = error.errors if isinstance(error, Invalid) else {"": f"{type(error).__name__}: {error}"}
        if not isinstance(error, Invalid):
            log.exception("the worker could not start")
        with socket.socket(fileno=job["control"]) as control:
            control.sendall(json.dumps({"event": "failed", "faults": faults}).encode() + b"\n")
        os._exit(1)
    worker.run()
    logging.shutdown()
    # threads of services and libraries that do not end must not keep a stopped worker alive
    os._exit(0)


if __name__ == "__main__":
    main()
