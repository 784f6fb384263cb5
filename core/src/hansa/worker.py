"""One worker: a process that loads plugins, follows the change log and serves. Its `Worker` is the facade plugins are given."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from . import deploy, logs
from .cluster import Leases, OdbBus, RedisBus, require_redis
from .config import CORE_SECTIONS, Config, read_config
from .definitions import Definitions, in_order
from .errors import HansaError, Invalid, NotFound
from .invoke import Invocations
from .keys import Keys, load_keys
from .kinds import KINDS
from .message import Request, Response
from .objects import Namespace, Objects
from .odb import create_schema, open_engine
from .pipeline import failed
from .plugins import Plugins
from .registry import Clash, Deployed, Registry
from .settings import load
from .store import Change, Row, Store

log = logging.getLogger("hansa.worker")
POLL, HEARTBEAT = 2.0, 5.0


class Worker:
    """What hooks, services, channels and other objects see as `server`: this worker, and through it the whole cluster."""

    def __init__(self, config: Config, job: dict[str, Any], plugins: Plugins, store: Store, keys: Keys) -> None:
        self.config, self.plugins_loaded, self.registry = config, plugins, plugins.registry
        self.name: str = config.server.name
        self.worker: int = job["index"]
        self.id = f"{self.name}/{self.worker}.{job['generation']}"
        self.dir: Path = config.dir
        self.log = logging.getLogger("hansa.server")
        self.sockets = {name: socket.socket(fileno=number) for name, number in job["sockets"].items()}
        self.engines: dict[str, str] = job["engines"]
        self.closing = False
        self.ready = False
        self._control = socket.socket(fileno=job["control"])
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._failed: dict[str, dict[str, Any]] = {}
        self._loaded: dict[str, int] = {}
        self.revision = 0
        self.store = store
        address = self.engines.get("redis") or config.data.get("redis", {}).get("address")
        self.bus: Any = RedisBus(address, config.server.cluster) if address else OdbBus(store.engine)
        self.leases = Leases(self.bus, self.id)
        hook = plugins.hook
        self.definitions_ = Definitions(self.store, self.registry, keys, self.bus, self._wake.set, hook.hansa_secret)
        self.definitions_.trial_timeout = config.server.trial_timeout
        self.objects = Objects(self.registry, self, self.definitions_.decrypt, self.leases, self._wraps)
        self.outgoing = Namespace(self.objects, "outgoing")
        self.invocations = Invocations(self.objects, self.bus, self.id)

    def _wraps(self) -> list[Any]:
        def one(implementation: Any) -> Any:
            def wrap(channel: Any, service: Any, call: Any) -> Any:
                given = {"channel": channel, "service": service, "call": call}
                return implementation.function(*(given[name] for name in implementation.argnames))

            return wrap

        return [one(found) for found in self.plugins_loaded.hook.hansa_wrap.get_hookimpls()]

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load everything that is stored, start it, and begin to serve; raises what keeps this worker from it."""
        hook = self.plugins_loaded.hook
        hook.hansa_startup(server=self)
        self.plugins_loaded.register_services(self)
        self.definitions_.builtin = {
            (kind, type, name): Row(kind, type, name, data, builtin=True)
            for definitions in hook.hansa_definitions(server=self)
            for kind, type, name, data in definitions
        }
        if self.worker == 0:
            self._declare()
        self.revision = self.store.revision()
        for package in self.store.packages(current=True):
            self._load_package(package.file)
        rows = in_order(self.store.definitions() + list(self.definitions_.builtin.values()))
        for kind in dict.fromkeys(row.kind for row in rows):
            self.objects.apply(row for row in rows if row.kind == kind)
        self.leases.start()
        threading.Thread(target=self._follow, name="follow", daemon=True).start()
        threading.Thread(target=self.bus.listen, args=(self._wake.set, self._stop), name="nudges", daemon=True).start()
        self._report()
        self.invocations.start(self.config.server.async_threads)
        hook.hansa_serve(server=self)
        self.ready = True

    def run(self) -> None:
        """Wait for the end, then finish what was accepted and stop."""
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.tell("ready")
        threading.Thread(target=self._listen_to_supervisor, name="control", daemon=True).start()
        while not self._stop.wait(3600):
            pass
        self.stop()

    def stop(self) -> None:
        """Finish what was accepted, stop everything."""
        self.ready = False
        hook = self.plugins_loaded.hook
        for step in (
            lambda: hook.hansa_drain(server=self),
            lambda: self.invocations.stop(self.config.server.grace),
            self.objects.stop,
            self.leases.stop,
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
        while not self._stop.is_set():
            self._wake.wait(POLL)
            self._wake.clear()
            try:
                changes = self.store.changes(self.revision)
                for change in changes:
                    self._apply(change)
                states = self._bad_states()
                if changes or time.monotonic() - beat > HEARTBEAT or states != self._reported:
                    beat = time.monotonic()
                    self._report()
            except Exception as error:
                log.error("the change log cannot be followed at the moment: %s", error)
                self._stop.wait(POLL)

    def _apply(self, change: Change) -> None:
        try:
            if change.kind == "service":
                self._load_package(change.name)
            elif change.kind == "plugin":
                self.tell("reload", revision=change.revision)
            else:
                row = self.store.definition(change.kind, change.type, change.name)
                if row is not None:
                    self.objects.apply([row])
                else:
                    self.objects.remove((change.kind, change.type, change.name))
        except Exception as error:
            self._failed[f"{change.kind} {change.type} {change.name}"] = {
                "state": "failed",
                "why": str(error),
                "since": time.time(),
            }
            log.exception("change %s could not be applied: %s %s %r", change.revision, change.kind, change.type, change.name)
        self.revision = change.revision
        self.plugins_loaded.hook.hansa_changed(change=change)

    def _load_package(self, file: str) -> None:
        package = self.store.package(file)
        key = f"service package {file}"
        if package is None:
            self._swap(file, [])
            return
        try:
            classes = deploy.load_source(file, package.version, package.source)
            self._swap(file, [Deployed(cls.get_name(), cls, file, package.version) for cls in classes.values()])
        except BaseException as error:
            self._failed[key] = {"state": "failed", "why": deploy.describe_error(error, file), "since": time.time()}
            log.error("%s", self._failed[key]["why"], exc_info=error)
            return
        self._failed.pop(key, None)
        old = self._loaded.get(file)
        if old is not None and old != package.version:
            deploy.unload(file, old)
        self._loaded[file] = package.version
        log.info("loaded %s version %s: %s", file, package.version, ", ".join(sorted(package.services.values())))

    def _swap(self, file: str, services: list[Deployed]) -> None:
        touched = self.registry.replace_services(file, services)
        self.objects.recompile_services(touched)

    def _bad_states(self) -> dict[str, Any]:
        bad = {key: state for key, state in self.objects.states().items() if state["state"] != "running"}
        return {**bad, **self._failed}

    _reported: dict[str, Any] = {}

    def _report(self) -> None:
        self._reported = self._bad_states()
        self.store.report_applied(self.id, self.name, self.revision, self._reported)

    def _declare(self) -> None:
        """Bring what the configuration file declares into the store: what is new in it, or was changed in it since."""
        known, faults = self.store.declared(), {}
        for file in self.config.services.files:
            path = self.config.source(file)
            try:
                source = path.read_text()
                key = ("service", "package", path.name)
                digest = hashlib.sha256(source.encode()).hexdigest()
                if known.get(key) != digest:
                    self.definitions_.deploy(path.name, source, by=self.config.path.name, declared=digest, wait=False)
            except OSError as error:
                faults[f"services.files: {file}"] = f"cannot be read: {error.strerror}"
            except HansaError as error:
                faults[f"services.files: {file}"] = error.detail
        rows = in_order([Row(*declared) for declared in self.config.definitions])
        for row in rows:
            digest = hashlib.sha256(json.dumps(row.data, sort_keys=True, default=str).encode()).hexdigest()
            if known.get(row.key) == digest:
                continue
            try:
                self.definitions_.define(*row.key, row.data, by=self.config.path.name, declared=digest, wait=False)
            except Invalid as invalid:
                faults.update({".".join((*row.key, key)).strip("."): fault for key, fault in invalid.errors.items()})
            except HansaError as error:
                faults[".".join(row.key)] = error.detail
        if faults:
            raise Invalid({f"{self.config.path}: {key}": fault for key, fault in faults.items()})

    # -- the facade --------------------------------------------------------------------------------------------------

    def section(self, name: str) -> Any:
        """A plugin's section of config.toml."""
        return self.config.section(name)

    def object(self, kind: str, type: str | None, name: str) -> Any:
        """A live object; raises `NotFound`, or `Unavailable` with its state."""
        return self.objects.get(kind, type, name)

    @property
    def redis(self) -> Any:
        """The redis-py client (text, not bytes) of the cluster's Redis; raises `Unavailable` if there is none."""
        return require_redis(self.bus)

    def invoke(self, name: str, payload: Any = None, *, cid: str = "", **options: Any) -> Any:
        """Call a service and give back its answer; its exceptions come through."""
        return self.invocations.invoke(name, payload, cid=cid, **options)

    def invoke_async(self, name: str, payload: Any = None, *, cid: str = "", **options: Any) -> str:
        """Have a service called by any worker, at least once; gives the correlation id."""
        return self.invocations.invoke_async(name, payload, cid=cid, **options)

    def handle(
        self, name: str, request: Request, *, type: str = "invoke", channel: str = "", format: str = "", config: Any = None
    ) -> Response:
        """Run one request through a route to a service that has no channel; never raises."""
        try:
            route = self.invocations.route(name, type=type, channel=channel, format=format, config=config)
        except HansaError as error:
            return failed(error, request, None, self.registry.known("format", format).cls() if format else None)
        response: Response = route(request)
        return response

    def define(self, kind: str, type: str, name: str, data: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Create, edit or set a definition (`mode`, `seen_revision`, `by`); revision, applied, pending."""
        return self.definitions_.define(kind, type, name, data, **options)

    def validate(self, kind: str, type: str, name: str, data: dict[str, Any]) -> Row:
        """What `define` would store; raises `Invalid`. References are not looked up."""
        return self.definitions_.validate(kind, type, name, data)[0]

    def delete(self, kind: str, type: str, name: str, **options: Any) -> dict[str, Any]:
        """Delete a definition; revision, applied, pending. Raises `Conflict` naming its users."""
        return self.definitions_.delete(kind, type, name, **options)

    def definitions(self, kind: str | None = None, type: str | None = None) -> list[Row]:
        """Stored and built-in definitions."""
        return self.definitions_.rows(kind, type)

    def definition(self, kind: str, type: str, name: str) -> Row:
        """One definition; raises `NotFound`."""
        return self.definitions_.get(kind, type, name)

    def history(self, kind: str, type: str, name: str) -> list[dict[str, Any]]:
        """All changes of a definition, newest first."""
        return self.store.history(kind, type, name)

    def states(self, kind: str, type: str, name: str) -> dict[str, dict[str, Any]]:
        """The state of a definition's object in each worker of the cluster."""
        key = f"{kind} {type} {name}"
        found = {
            worker: report["states"].get(key, {"state": "running", "why": ""})
            for worker, report in self.definitions_.reports().items()
        }
        mine = self.objects.states().get(key)
        return {**found, **({self.id: mine} if mine else {})}

    def test(self, kind: str, type: str, data: dict[str, Any]) -> str:
        """Make an object, start, ping and stop it, storing nothing; raises what is wrong."""
        row, _, _ = self.definitions_.validate(kind, type, "test", data)
        known = self.registry.known(kind, type)
        made = known.cls("test", load(known.model, self.definitions_.decrypt(row)), self)
        if issubclass(known.cls, KINDS["channel"]):
            return "the settings are valid"
        try:
            made.start()
            return str(made.ping())
        finally:
            made.stop()

    def ping(self, kind: str, type: str, name: str) -> str:
        """Ping a live object; raises what is wrong."""
        return str(self.object(kind, type, name).ping())

    def deploy(self, file: str, source: str, **options: Any) -> dict[str, Any]:
        """Deploy a source (`by`); file, version, services, revision, applied, pending. Raises `Invalid` with the line."""
        return self.definitions_.deploy(file, source, **options)

    def rollback(self, file: str, version: int | None = None, **options: Any) -> dict[str, Any]:
        """Bring back an older version of a file."""
        return self.definitions_.rollback(file, version, **options)

    def delete_service(self, name: str, **options: Any) -> dict[str, Any]:
        """Take the file that gives a service (or the file of that name) out of service; raises `Conflict` naming users."""
        file = name if name.endswith(".py") else self.registry.service(name).origin
        if file.startswith("plugin "):
            raise Invalid({"name": f"{name} comes with the {file}"})
        return self.definitions_.undeploy(file, **options)

    def packages(self) -> list[dict[str, Any]]:
        """All versions of all deployed files, without their sources."""
        return [
            {
                "file": p.file,
                "version": p.version,
                "current": p.current,
                "sha256": p.sha256,
                "services": sorted(p.services.values()),
                "deployed_at": p.at,
                "by": p.by,
            }
            for p in self.store.packages()
        ]

    def source(self, file: str, version: int | None = None) -> str:
        """The source of one version of a file, by default the current one."""
        package = self.store.package(file, version)
        if package is None:
            raise NotFound(f"no file {file!r}" + (f" of version {version}" if version else "") + " is deployed")
        return package.source

    def plugins(self) -> list[dict[str, Any]]:
        """The plugins found here, their status, and what they give."""
        types = [(known.plugin, f"{kind} {type}") for kind, type, known in self.registry.types()]
        services = [(d.origin, d.name) for d in self.registry.services()]
        return [
            {
                "name": p.name,
                "distribution": p.distribution,
                "version": p.version,
                "status": p.status,
                "why": p.why,
                "types": [t for plugin, t in types if plugin == p.name],
                "services": [s for origin, s in services if origin == f"plugin {p.name}"],
            }
            for p in self.plugins_loaded.found.values()
        ]

    def reload_plugin(self, name: str) -> dict[str, Any]:
        """Have every server replace its workers one by one, which load plugins anew; raises `Invalid` if one cannot be loaded."""
        check_plugins(self.config, blocked_plugins(self.store) - {name})
        return {"revision": self._log_plugin(name, "reload")}

    def block_plugin(self, name: str, blocked: bool = True) -> dict[str, Any]:
        """Block or unblock a plugin in the whole cluster, and have workers replaced; raises `NotFound`, `Conflict` if in use."""
        if name not in self.plugins_loaded.found:
            raise NotFound(f"no plugin {name!r} is installed (there are: {', '.join(self.plugins_loaded.found)})")
        if blocked:
            types = {(kind, type) for kind, type, known in self.registry.types() if known.plugin == name}
            used = [f"{r.kind} {r.type} {r.name!r}" for r in self.store.definitions() if (r.kind, r.type) in types]
            used += [
                f"{r.kind} {r.type} {r.name!r}"
                for r in self.store.definitions("channel")
                if ("format", r.data.get("format")) in types
            ]
            if used:
                raise Invalid({"name": f"the plugin {name} is in use by {', '.join(used)}"})
        check_plugins(self.config, blocked_plugins(self.store) | {name} if blocked else blocked_plugins(self.store) - {name})
        return {"revision": self._log_plugin(name, "block" if blocked else "unblock")}

    def _log_plugin(self, name: str, action: str) -> int:
        revision = self.store.log_action("plugin", name, action)
        self._wake.set()
        self.bus.nudge(revision)
        return revision

    def reload(self) -> dict[str, Any]:
        """Have this server replace its workers one by one, losing nothing."""
        self.tell("reload", revision=0)
        return {"workers": [worker for worker, report in self.definitions_.reports().items() if report["server"] == self.name]}

    def status(self) -> dict[str, Any]:
        """Servers, workers, revisions, objects that are not running, leases and queues."""
        reports = self.definitions_.reports()
        queue = self.invocations._queue
        return {
            "cluster": self.config.server.cluster,
            "revision": self.store.revision(),
            "workers": {
                worker: {"server": report["server"], "revision": report["revision"], "not_running": report["states"]}
                for worker, report in reports.items()
            },
            "definitions": len(self.store.definitions()),
            "services": len(self.registry.services()),
            "leases": sorted(self.leases.tokens),
            "async": queue.status() if queue else None,
        }


def load_plugins(config: Config, blocked: set[str]) -> Plugins:
    """Load all plugins that the configuration and `blocked` allow, and validate the configuration with them; raises `Invalid`."""
    plugins = Plugins(Registry())
    section = config.data.get("plugins", {})
    plugins.load(enabled=section.get("enabled"), blocked={*section.get("blocked", ()), *blocked})
    try:
        config.validate(plugins.sections(), KINDS)
    except Clash as clash:
        raise Invalid(str(clash)) from None
    return plugins


def blocked_plugins(store: Store) -> set[str]:
    """The plugins blocked live; those of config.toml not included."""
    return {name for name, action in store.last_actions("plugin").items() if action == "block"}


def check_plugins(config: Config, blocked: set[str]) -> None:
    """Try in a child process whether all plugins can be loaded; raises `Invalid` with the reasons."""
    job = json.dumps({"check": True, "config": str(config.path), "dir": str(config.dir), "blocked": sorted(blocked)})
    child = subprocess.run(
        [sys.executable, "-m", "hansa.worker"], input=job, capture_output=True, text=True, timeout=60, check=False
    )
    if child.returncode:
        try:
            faults = json.loads(child.stdout.strip().splitlines()[-1])
        except (ValueError, IndexError):
            faults = {"": f"the trial ended with status {child.returncode}: {child.stderr.strip()[-500:]}"}
        raise Invalid(faults)


def main() -> None:
    """Run a worker: the job comes as one line of JSON on standard input, the control socket is inherited."""
    job = json.loads(sys.stdin.readline())
    config = read_config(job["config"], directory=job.get("dir"), overrides=job.get("overrides"))
    if job.get("check"):
        try:
            load_plugins(config, set(job["blocked"]))
        except Invalid as invalid:
            print(json.dumps(invalid.errors))
            sys.exit(1)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=os.dup(job["control"]))

    def give_up(faults: dict[str, str]) -> None:
        control.sendall(json.dumps({"event": "failed", "faults": faults}).encode() + b"\n")
        os._exit(1)

    worker = None
    try:
        raw = config.data
        logs.set_up(config._directory or Path(job["dir"]), raw.get("log", {}).get("level", "INFO"))
        config.adopt(CORE_SECTIONS)
        engine = open_engine(config.odb_url)
        create_schema(engine)
        keys = load_keys(config.dir, config.server.secret_key)
        store = Store(engine, keys.mac)
        worker = Worker(config, job, load_plugins(config, blocked_plugins(store)), store, keys)
        worker.start()
    except Invalid as invalid:
        give_up(invalid.errors)
    except BaseException as error:
        log.exception("the worker could not start")
        give_up({"": f"{type(error).__name__}: {error}"})
    assert worker is not None
    worker.run()
    logging.shutdown()
    # threads of services and libraries that do not end must not keep a stopped worker alive
    os._exit(0)


if __name__ == "__main__":
    main()
