"""The facade that hooks, services, channels and other objects see as `server`: this worker, and through it the cluster."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable
from typing import Any

from .cluster import Leases, OdbBus, lease_name
from .config import Config
from .definitions import Definitions
from .errors import Conflict, NotFound, Unavailable
from .invoke import Invocations
from .keys import Keys
from .objects import Namespace, Objects
from .plugins import Plugins, check_plugins, discover
from .store import Row, Store, label


class Facade(Definitions, Invocations):
    """What plugins may ask of a server, and have it do.

    Attributes: `name` of the server, `worker` (its index), `id` (unique in the cluster), `dir`, `config`, `sockets` (bound by
    `hansa_listen`), `engines` (addresses by name), `registry`, `outgoing`, `log`, `ready` (serving), `closing` (the whole server
    ends, so nobody else will serve its sockets).
    """

    def __init__(self, config: Config, job: dict[str, Any], plugins: Plugins, store: Store, keys: Keys) -> None:
        self.config, self.dir, self.plugins = config, config.dir, plugins
        self.name: str = config.server.name
        self.worker: int = job["index"]
        self.id = f"{self.name}/{self.worker}.{job['generation']}"
        self.log = logging.getLogger("hansa.server")
        self.sockets = {name: socket.socket(fileno=number) for name, number in job["sockets"].items()}
        self.engines: dict[str, str] = job["engines"]
        self.ready = self.closing = False
        self._wake = threading.Event()
        self.registry = plugins.registry
        bus = plugins.hook.hansa_bus(server=self) or OdbBus(store.engine)
        Definitions.__init__(self, store, plugins.registry, keys, bus, self._wake.set, plugins.hook.hansa_secret)
        self.trial_timeout, self.trial_modules = config.server.trial_timeout, plugins.modules
        self._leases = Leases(bus, self.id)
        objects = Objects(self.registry, self, self.read, self._leases, plugins.wraps)
        self.outgoing = Namespace(objects, "outgoing")
        Invocations.__init__(self, objects, plugins.hook.hansa_queue(server=self))

    def tell(self, event: str, **more: Any) -> None:
        """Send a line to the supervisor."""
        raise NotImplementedError

    def section(self, name: str) -> Any:
        """A plugin's section of config.toml."""
        return self.config.section(name)

    def object(self, kind: str, type: str | None, name: str) -> Any:
        """A live object; raises `NotFound`, or `Unavailable` with its state."""
        return self._objects.get(kind, type, name)

    def lost(self, broken: Any, error: BaseException) -> None:
        """Have an object that lost its other side replaced by a new one, as soon as one starts."""
        self._objects.lost(broken, error)

    @property
    def redis(self) -> Any:
        """The redis-py client (text, not bytes) of the cluster's Redis; raises `Unavailable` if there is none."""
        client = getattr(self.bus, "redis", None)
        if client is None:
            raise Unavailable(
                "this needs Redis: install hansa-redis, which brings an embedded Valkey, or set [redis] address"
            )
        return client

    def states(
        self, kind: str, type: str, name: str, reports: dict[str, dict[str, Any]] | None = None
    ) -> dict[str, dict[str, Any]]:
        """The state of a definition's object in each worker of the cluster, as of these `reports`, by default the last ones."""
        key, mine = f"{kind} {type} {name}", self._objects.state((kind, type, name))
        reports = self.reports() if reports is None else reports
        well = {"state": "running", "why": ""}
        found = {worker: report["states"].get(key, well) for worker, report in reports.items()}
        return {**found, **({self.id: mine} if mine else {})}

    def make(self, row: Row) -> Any:
        """An object of a definition, not started."""
        return self.registry.known(row.kind, row.type).cls(row.name, self.read(row), self)

    def reload_plugin(self, name: str) -> dict[str, Any]:
        """Have every server replace its workers one by one, which load plugins anew; raises `Invalid` if one cannot be loaded."""
        if name not in discover():
            raise NotFound(f"no plugin {name!r} is installed (there are: {', '.join(discover())})")
        check_plugins(self.config, self.store.blocked_plugins() - {name})
        return {"revision": self._log_action("plugin", name, "reload")}

    def block_plugin(self, name: str, blocked: bool = True) -> dict[str, Any]:
        """Block or unblock a plugin in the whole cluster, and have workers replaced; raises `NotFound`, `Conflict` if in use."""
        if name not in self.plugins.found:
            raise NotFound(f"no plugin {name!r} is installed (there are: {', '.join(self.plugins.found)})")
        if blocked:
            gone = {(kind, type) for kind, type, known in self.registry.types() if known.plugin == name}
            rows = self.store.definitions()
            used = [label(r.key) for r in rows if gone & {(r.kind, r.type), ("format", r.data.get("format"))}]
            if used:
                raise Conflict(f"the plugin {name} is in use by {', '.join(used)}")
        others = self.store.blocked_plugins() - {name}
        check_plugins(self.config, others | {name} if blocked else others)
        return {"revision": self._log_action("plugin", name, "block" if blocked else "unblock")}

    def restart(self, name: str) -> dict[str, Any]:
        """Have a server of the cluster finish what it has, end, and start anew as the same process, supervisor and engines too."""
        return {"revision": self._log_action("server", name, "restart")}

    def _log_action(self, kind: str, name: str, action: str) -> int:
        revision = self.store.log_action(kind, name, action)
        self.wake()
        self.bus.nudge(revision)
        return revision

    def reload(self) -> dict[str, Any]:
        """Have this server replace its workers one by one, losing nothing."""
        self.tell("reload", revision=0)
        return {"workers": [worker for worker, report in self.reports().items() if report["server"] == self.name]}

    def leases(self, more: Iterable[str] = ()) -> dict[str, tuple[str, int, float]]:
        """Who holds the leases of what runs once in a server or in the cluster, and `more`: holder, fencing token, seconds left."""
        servers = {report["server"] for report in self.reports().values()}
        placed = {known.cls.type: known.cls.placement for _, _, known in self.registry.types("channel")}
        rows = [(row, placed.get(row.type, "worker")) for row in self.definitions("channel")]
        names = {lease_name(place, server, row.key) for row, place in rows if place != "worker" for server in servers}
        found: dict[str, tuple[str, int, float]] = self.bus.leases([*more, *sorted(names)])
        return found
