"""A server in one process, for tests of services and connectors: only what the test hands in, and
no store or sockets.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from hansa import (
    Bus,
    Definition,
    FileRecords,
    Format,
    HansaError,
    Journal,
    Model,
    NotFound,
    Queue,
    QueueOptions,
    Records,
    RegisteredService,
    Request,
    Response,
    RouteOptions,
    Server,
    Service,
    Unavailable,
    Undefined,
    WorkerAnswer,
    new_cid,
    problem,
)

from .bus import LocalBus
from .change_log import LocalChangeLog
from .definitions import LocalDefinitions
from .journal import LocalJournal
from .message import handle_message
from .named import LocalOutgoing, Named
from .parts import LocalCluster, LocalObjects, LocalPackages, LocalPlugins
from .registry import LocalRegistry
from .resources import LocalResources

if TYPE_CHECKING:
    from redis import Redis

ResourceT = TypeVar("ResourceT")
SectionT = TypeVar("SectionT", bound=Model)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of another service that a service under test made."""

    name: str
    payload: Any
    cid: str


class LocalServer:
    """The contract `Server` in one process: no store, no sockets, no other workers.

    `outgoing` maps types to names to objects (real ones or fakes), `services` maps names to a
    Service class, to a function of the payload, or to a plain answer. `formats` maps names to
    Format classes, `security` names to objects, `sections` names to the Models of config.toml; a
    section that is not handed in has its defaults. `types` are classes whose definitions can be
    made and validated, `attributes` what plugins give services by `hansa_attributes`, `resources`
    objects that a plugin's `hansa_startup` would return: others are made by that hook when they are
    first asked for. `redis` is a client, `bus` and `queue` stand in for the plugins'. Any further
    option is set as an attribute.

    `invoked` and `pending` list the calls made by `invoke` and `invoke_async`, `losses` the errors
    by which objects reported that their other side is gone, by object; `replacements` counts the
    calls of `replace_workers`.
    """

    name = "local"
    id = "local/0.1"
    worker = 0
    ready = True
    fault = ""
    closing = False
    grace = 5.0

    def __init__(
        self,
        *,
        outgoing: Mapping[str, Mapping[str, Any]] | None = None,
        services: Mapping[str, Any] | None = None,
        formats: Mapping[str, type[Format]] | None = None,
        security: Mapping[str, Any] | None = None,
        sections: Mapping[str, Model] | None = None,
        types: Iterable[type[Definition]] = (),
        attributes: Mapping[str, object] | None = None,
        resources: Iterable[object] = (),
        directory: Path | None = None,
        redis: Redis | None = None,
        bus: Bus | None = None,
        queue: Queue | None = None,
        **others: Any,
    ) -> None:
        self.log = logging.getLogger("hansa.local")
        self.sockets: dict[str, socket.socket] = {}
        self.engines: dict[str, str] = {}
        self.services = Named("service", services or {})
        self.sections = list((sections or {}).values())
        self.registry = LocalRegistry(types, formats or {}, self.services, attributes or {})
        self.definitions = LocalDefinitions(self.registry)
        self.packages = LocalPackages(self.definitions)
        self.change_log = LocalChangeLog()
        self.plugins = LocalPlugins()
        self.bus: Bus = bus or LocalBus("local", redis)
        self.cluster = LocalCluster("local", self.definitions, self.bus)
        self.outgoing = LocalOutgoing(outgoing or {})
        self.objects = LocalObjects(self, self.outgoing, security or {})
        self.queue = queue
        self._redis = redis
        self.invoked: list[Invocation] = []
        self.pending: list[Invocation] = []
        self.replacements = 0
        self._journals: dict[str, LocalJournal] = {}
        self._resources = LocalResources(self, resources)
        self._directory = directory
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._making = threading.Lock()
        for name, value in others.items():
            setattr(self, name, value)

    @property
    def dir(self) -> Path:
        """The server's folder: the one handed in, or a temporary one, made at first use and removed
        with this object.
        """
        with self._making:  # of two folders, the first would be removed while it is in use
            if self._directory is None:
                self._temporary = tempfile.TemporaryDirectory(prefix="hansa-local-")
                self._directory = Path(self._temporary.name)
            return self._directory

    @property
    def redis(self) -> Redis:
        """The Redis client of the bus; raises `Unavailable` unless the test hands one in."""
        client = self._redis or self.bus.redis
        if client is None:
            raise Unavailable("there is no Redis in this test; hand a client in as redis=...")
        return client

    @property
    def losses(self) -> dict[Definition, BaseException]:
        """The errors by which objects reported that their other side is gone, by object."""
        return self.objects.losses

    def close(self) -> None:
        """Shut the plugins down that were started for `resource`."""
        self._resources.close()

    def records(self, namespace: str) -> Records:
        """Return records: those of the bus, or files in a folder of the server named as the
        namespace.
        """
        return self.bus.records(namespace) or FileRecords(self.dir / namespace)

    def journal(self, name: str) -> Journal:
        """Return the journal of a name, kept in memory."""
        return self._journals.setdefault(name, LocalJournal())

    def section(self, model: type[SectionT]) -> SectionT:
        """Return the section of config.toml of this model, as it was handed in, or with its
        defaults.
        """
        for section in self.sections:
            if isinstance(section, model):
                return section
        return model()

    def resource(self, wanted: type[ResourceT]) -> ResourceT:
        """Return an object that was handed in, or that its plugin's `hansa_startup` returns; raises
        `NotFound`.
        """
        return self._resources.get(wanted)

    def replace_workers(self) -> None:
        """Count the call in `replacements`."""
        self.replacements += 1

    def replace_worker(self, why: str) -> None:
        """Count the call in `replacements`, too."""
        self.replacements += 1

    def invoke(
        self,
        name: str,
        payload: object = None,
        *,
        cid: str = "",
        extra: Mapping[str, object] | None = None,
    ) -> Any:
        """Call a service and return its answer; its exceptions come through. Raises `Undefined` if
        there is no such service.
        """
        call = Invocation(name, payload, cid or new_cid())
        self.invoked.append(call)
        return self._answer(call, extra)

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
        """Call a service in the one worker there is; of others say that they are not there."""
        answers: dict[str, WorkerAnswer] = {}
        for worker in dict.fromkeys(workers):
            if worker != self.id:
                missing = NotFound(f"there is no worker {worker} in this test")
                answers[worker] = WorkerAnswer(worker, error=missing)
                continue
            try:
                payload_there = self.invoke(name, payload, cid=cid, extra=extra)
                answers[worker] = WorkerAnswer(worker, os.getpid(), payload_there)
            except HansaError as error:
                answers[worker] = WorkerAnswer(worker, os.getpid(), error=error)
        return answers

    def invoke_async(
        self,
        name: str,
        payload: object = None,
        *,
        cid: str = "",
        **options: Unpack[QueueOptions],
    ) -> str:
        """Note a call for `run_pending`; returns its correlation id. Raises `Undefined` if
        there is no such service.
        """
        self._defined(name)
        call = Invocation(name, payload, cid or new_cid())
        self.pending.append(call)
        return call.cid

    def invoke_async_many(
        self,
        name: str,
        payloads: Iterable[object],
        *,
        cid: str = "",
        **options: Unpack[QueueOptions],
    ) -> str:
        """Note a call for each payload, as `invoke_async` does; returns their correlation id."""
        self._defined(name)
        cid = cid or new_cid()
        self.pending += [Invocation(name, payload, cid) for payload in payloads]
        return cid

    def run_pending(self) -> list[Any]:
        """Make the calls that `invoke_async` noted, and those they cause, in order; returns their
        answers.
        """
        answers = []
        while self.pending:
            answers.append(self._answer(self.pending.pop(0)))
        return answers

    def handle(
        self,
        name: str,
        request: Request,
        **options: Unpack[RouteOptions],
    ) -> Response:
        """Run one request through a service, as a channel does; never raises."""
        try:
            service = self.registry.service(name).cls
            format = options.get("format", "")
            config = options.get("config")
            return handle_message(
                self,
                service,
                request,
                name=name,
                type=options.get("type", "invoke"),
                channel=options.get("channel", ""),
                format=self.registry.format(format).cls(config, service) if format else None,
                config=config,
            )
        except Exception as error:
            return _failed(error, request)

    def run(self, service: type[Service], request: Request, *, name: str = "") -> Response:
        """Run one request through a service class; its exceptions come through."""
        return handle_message(self, service, request, name=name)

    def _answer(self, call: Invocation, extra: Mapping[str, object] | None = None) -> Any:
        service = self._defined(call.name).cls
        request = Request(payload=call.payload, cid=call.cid, extra=extra or {})
        return self.run(service, request, name=call.name).payload

    def _defined(self, name: str) -> RegisteredService:
        """Return a service that another one calls; raises `Undefined`."""
        try:
            return self.registry.service(name)
        except NotFound as error:
            raise Undefined.of(error) from None


def _failed(error: Exception, request: Request) -> Response:
    """Return the response to an error, as a channel without a format gets it."""
    response = Response(problem(error, request.cid), status=500, cid=request.cid)
    response.error = error
    response.outcome = "retry"
    if isinstance(error, HansaError):
        response.status = error.status
        response.outcome = error.outcome
    return response


if TYPE_CHECKING:

    def _is_a_server(server: LocalServer) -> Server:
        """Fail the type check when the contract has something that a local server lacks."""
        return server
