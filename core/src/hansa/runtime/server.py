"""The facade that hooks, services, channels and other objects see as `server`: this worker, and through it the cluster."""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any

from ..cluster.leases import Leases, OdbBus
from ..contract.kinds import Edit
from ..definitions.definitions import Definitions
from ..definitions.store import Row, Store
from ..foundation.errors import Unavailable
from ..odb.keys import Keys
from ..plugins.configuration import Config
from ..plugins.discovery import Plugins
from .invoke import Invocations
from .objects import Namespace, Objects


class Facade(Definitions, Invocations):
    """What plugins may ask of a server, and have it do.

    Attributes: `name` of the server, `worker` (its index), `id` (unique in the cluster), `dir`, `config`, `sockets` (bound by
    `hansa_listen`), `engines` (addresses by name), `registry`, `outgoing`, `log`, `ready` (serving), `closing` (the whole server
    ends, so nobody else will serve its sockets).
    """

    def __init__(
        self, config: Config, job: dict[str, Any], plugins: Plugins, store: Store, keys: Keys
    ) -> None:
        self.config, self.dir, self.plugins = config, config.dir, plugins
        self.name: str = config.server.name
        self.worker: int = job["index"]
        self.id = f"{self.name}/{self.worker}.{job['generation']}"
        self.log = logging.getLogger("hansa.server")
        self.sockets = {
            name: socket.socket(fileno=number) for name, number in job["sockets"].items()
        }
        self.engines: dict[str, str] = job["engines"]
        self.ready = self.closing = False
        self._wake = threading.Event()
        self.registry = plugins.registry
        bus = plugins.hook.hansa_bus(server=self) or OdbBus(store.engine)
        Definitions.__init__(
            self, store, plugins.registry, keys, bus, self._wake.set, plugins.hook.hansa_secret
        )
        self.trial_timeout, self.trial_modules = config.server.trial_timeout, plugins.modules
        self._leases = Leases(bus, self.id)
        objects = Objects(self.registry, self, self.read, self._leases, plugins.wraps)
        self.outgoing = Namespace(objects)
        Invocations.__init__(self, objects, plugins.hook.hansa_queue(server=self))

    def section(self, name: str) -> Any:
        """A plugin's section of config.toml."""
        return self.config.section(name)

    def object(self, kind: str, type: str | None, name: str) -> Any:
        """A live object; raises `NotFound`, or `Unavailable` with its state."""
        return self._objects.get(kind, type, name)

    def lost(self, broken: Any, why: BaseException | str, serves: bool = False) -> None:
        """Have an object that lost its other side replaced by a new one, as soon as one starts; or note why, if it `serves` on."""
        self._objects.lost(broken, why, serves)

    @property
    def redis(self) -> Any:
        """The redis-py client (text, not bytes) of the cluster's Redis; raises `Unavailable` if there is none."""
        client = getattr(self.bus, "redis", None)
        if client is None:
            raise Unavailable(
                "this needs Redis: install hansa-redis, with its embedded Valkey, or set [redis] address"
            )
        return client

    def state(self, kind: str, type: str, name: str) -> dict[str, Any] | None:
        """The state of a definition's object in this worker; None if it has none."""
        return self._objects.state((kind, type, name))

    def make(self, kind: str, type: str, name: str, data: dict[str, Any]) -> Any:
        """An object of these settings as `define` would store them, not started; raises `Invalid` with all faults."""
        edit, _, _ = self.check(Edit((kind, type, name), data))
        return self.registry.known(kind, type).cls(
            name, self.read(Row(kind, type, name, edit.data or {})), self
        )
