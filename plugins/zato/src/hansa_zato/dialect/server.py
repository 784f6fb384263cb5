"""`self.server`: Hansa's server, with what services of Zato ask of theirs besides."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from hansa import Server, current_cid

from ..bunch import Bunch
from ..outgoing.kvdb import KeyValueDB
from ..payloads import PlainDict, Value
from . import lookup
from .channel import stable_id
from .static import StaticFiles
from .targets import PATIENCE, Targeted, invoke_all_pids, invoke_pid

if TYPE_CHECKING:
    from ..odb.database import ConfigurationDatabase

_lock: Final = threading.Lock()
_made: weakref.WeakKeyDictionary[Server, ZatoServer] = weakref.WeakKeyDictionary()


class ServiceStore:
    """`self.server.service_store`: the services known here, by name and by class."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def name_to_impl_name(self) -> dict[str, str]:
        """The dotted name of each service's class, by the name of the service."""
        found = self._server.registry.services()
        return {one.name: lookup.impl_name(one.cls) for one in found}

    @property
    def impl_name_to_name(self) -> dict[str, str]:
        """The name of each service, by the dotted name of its class."""
        return {impl_name: name for name, impl_name in self.name_to_impl_name.items()}

    @property
    def id_to_impl_name(self) -> dict[int, str]:
        """The dotted name of each service's class, by the number of the service."""
        return {stable_id(name): impl for name, impl in self.name_to_impl_name.items()}


class ZatoServer:
    """The server of a worker; what Zato's does not have is Hansa's.

    `user_ctx` is for services to share what they like with each other in this process; those that
    change it hold `user_ctx_lock`.
    """

    def __init__(self, server: Server) -> None:
        self._reference = weakref.ref(server)
        self.user_ctx = Bunch()
        self.user_ctx_lock = threading.RLock()

    @property
    def cluster_name(self) -> str:
        """The name of the cluster."""
        return self._hansa.cluster.name

    @property
    def cluster_id(self) -> int:
        """The number of the cluster, as Zato's services take it; Hansa's ignore it."""
        return 1

    @property
    def pid(self) -> int:
        """The number of this process."""
        return os.getpid()

    @property
    def base_dir(self) -> str:
        """The folder of the server."""
        return str(self._hansa.dir)

    @property
    def service_store(self) -> ServiceStore:
        """The services known here."""
        return ServiceStore(self._hansa)

    @property
    def static_config(self) -> StaticFiles:
        """The files of the folder for static ones."""
        return StaticFiles(self._hansa)

    def invoke(
        self,
        service: str,
        request: object = None,
        *,
        pid: int | None = None,
        timeout: float = PATIENCE,
        cid: str = "",
        extra: Mapping[str, object] | None = None,
        **ignored: object,
    ) -> Value:
        """Call a service, and return its answer: in this process, or in that of this server whose
        number is `pid`, which has `timeout` seconds.
        """
        if pid and pid != os.getpid():
            call = Targeted(service, pid=pid, extra=dict(extra or {}))
            return invoke_pid(self._hansa, call, request, cid, timeout)
        return self._hansa.invoke(service, request, cid=cid, extra=extra)

    def invoke_all_pids(
        self, service: str, request: object = "", timeout: float = 5, **ignored: object
    ) -> dict[object, PlainDict]:
        """Call a service in each process of this server; return by process number `is_ok`, and
        `pid_data` or `error_info`.
        """
        return invoke_all_pids(self._hansa, service, request, current_cid.get(), timeout)

    @property
    def kvdb(self) -> KeyValueDB:
        """Redis."""
        return KeyValueDB(self._hansa)

    @property
    def odb(self) -> ConfigurationDatabase:
        """The definitions, to be read by SQLAlchemy."""
        from ..odb.database import (
            ConfigurationDatabase,
        )  # lazy: few services look at definitions this way

        return ConfigurationDatabase(self._hansa)

    @property
    def _hansa(self) -> Server:
        found = self._reference()
        if found is None:
            raise RuntimeError("the server has ended")
        return found

    def __getattr__(self, name: str) -> Value:
        return getattr(self._hansa, name)


def zato_server(server: Server) -> Server:
    """Return what services see as `self.server`, the same for all of a process."""
    with _lock:
        found = _made.get(server)
        if found is None:
            found = _made[server] = ZatoServer(server)
    return cast(Server, found)
