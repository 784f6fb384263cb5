"""The part of a worker's server that the Zato dialect uses, for tests: real routes, formats and
outgoing HTTP.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

from hansa import (
    Binding,
    DefinitionRecord,
    HansaError,
    Inactive,
    InstalledPlugin,
    Model,
    NotFound,
    Queue,
    RegisteredService,
    Request,
    Response,
    Server,
    Service,
    TimedOut,
    Unavailable,
    WorkerAnswer,
    WorkerReport,
    load,
)
from hansa.foundation.errors import did_you_mean
from hansa.plugins.registry import Registry
from hansa.runtime.routes import compile_route, failed
from hansa_http.address import HttpAddress
from hansa_http.outgoing import HttpOutgoing
from hansa_json.format import JsonFormat
from hansa_soap.format import SoapFormat
from hansa_xml.format import XmlFormat
from hansa_zato.dialect.targets import TargetCall, TargetSpread
from hansa_zato.section import ZatoSection


class Objects:
    """`server.objects`: what tests put there by kind, type and name; None stands for one that is
    inactive.
    """

    def __init__(self) -> None:
        self.live: dict[tuple[str, str, str], Any] = {}

    def __setitem__(self, key: tuple[str, str, str], value: Any) -> None:
        self.live[key] = value

    def get(self, kind: str, type: str, name: str) -> Any:
        found = self.live.get((kind, type, name), ...)
        if found is ...:
            error = NotFound(f"there is no {kind} {type} named {name!r}")
            error.reason = did_you_mean(
                name, [key[2] for key in self.live if key[:2] == (kind, type)]
            )
            raise error
        if found is None:
            raise Inactive(f"{kind} {type} {name!r} cannot be used now")
        return found

    def security(self, name: str) -> Any:
        types = [key[1] for key in self.live if (key[0], key[2]) == ("security", name)]
        return self.get("security", types[0] if types else "", name)

    def lost(self, broken: Any, error: BaseException) -> None:
        """Nobody is told."""

    def renew(self, reference: str, value: object) -> None:
        """Nothing here refers to anything."""

    def trouble(self, troubled: Any, why: str) -> None:
        """Nobody is told."""


class Named:
    """`server.outgoing.TYPE`."""

    def __init__(self, objects: Objects, type: str) -> None:
        self.objects, self.type = objects, type

    def __getitem__(self, name: str) -> Any:
        return self.objects.get("outgoing", self.type, name)

    def names(self) -> list[str]:
        return sorted(
            name
            for kind, type, name in self.objects.live
            if (kind, type) == ("outgoing", self.type)
        )


class Outgoing:
    """`server.outgoing`."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    def __getattr__(self, type: str) -> Named:
        return Named(self.objects, type)

    __getitem__ = __getattr__


class Definitions:
    """`server.definitions`: what tests define, unchecked."""

    def __init__(self) -> None:
        self.stored: list[DefinitionRecord] = []

    def all(self, kind: str = "", type: str = "") -> list[DefinitionRecord]:
        return [one for one in self.stored if kind in ("", one.kind) and type in ("", one.type)]

    def get(self, kind: str, type: str, name: str) -> DefinitionRecord:
        for one in self.all(kind, type):
            if one.name == name:
                return one
        raise NotFound(f"there is no {kind} {type} named {name!r}")

    def define(self, kind: str, type: str, name: str, data: Any, *, mode: str = "set") -> None:
        self.stored.append(DefinitionRecord(kind, type, name, data))


class Cluster:
    """`server.cluster`: two workers of one server."""

    name = "hansa"

    def current_key(self) -> str:
        return ""

    def __init__(self) -> None:
        self.names = [f"server1/0.{number}" for number in range(2)]

    def reports(self) -> dict[str, WorkerReport]:
        return {
            worker: WorkerReport(worker, worker.partition("/")[0], 1, 0) for worker in self.names
        }

    def workers(self, server: str = "") -> list[str]:
        found = self.reports().values()
        return [one.worker for one in found if server in ("", one.server)]


class Plugins:
    """`server.plugins`; tests say which are `loaded`."""

    def __init__(self) -> None:
        self.loaded = ["zato", "admin"]

    def installed(self) -> list[InstalledPlugin]:
        return [
            InstalledPlugin(name, f"hansa-{name}", "1.0", status="loaded") for name in self.loaded
        ]


class Facade:
    """The part of a server that the Zato dialect uses.

    `pending` holds asynchronous calls until `work` runs them.
    """

    name = "server1"
    id = "server1/0.1"
    worker = 0

    def __init__(
        self, directory: Path, redis_client: Any = None, section: ZatoSection | None = None
    ) -> None:
        self.dir, self._redis, self._section = directory, redis_client, section or ZatoSection()
        self.registry = Registry()
        self.registry.add_types("test", [JsonFormat, XmlFormat, SoapFormat, HttpOutgoing])
        self.objects = Objects()
        self.outgoing = Outgoing(self.objects)
        self.plugins = Plugins()
        self.definitions = Definitions()
        self.cluster = Cluster()
        self.queue: Queue | None = None
        self.pending: list[dict[str, Any]] = []
        self.resources: list[object] = []
        self.others: dict[str, Facade] = {}
        self.silent: set[str] = set()
        self.add(TargetCall, TargetSpread)

    @property
    def as_server(self) -> Server:
        """This, for what asks for a whole server and uses no other part of it."""
        return cast(Server, self)

    @property
    def redis(self) -> Any:
        if self._redis is None:
            raise Unavailable("there is no Redis")
        return self._redis

    def section(self, model: type[Model]) -> Any:
        assert model is ZatoSection
        return self._section

    def resource(self, wanted: type) -> Any:
        for found in self.resources:
            if isinstance(found, wanted):
                return found
        raise NotFound(f"no plugin has started a {wanted.__name__}")

    def add(self, *classes: type[Service]) -> None:
        for cls in classes:
            self.registry.replace_services(
                cls.__name__, [RegisteredService(cls.get_name(), cls, cls.__name__)]
            )

    def connect(self, name: str, **settings: Any) -> HttpOutgoing:
        made = HttpOutgoing(name, load(HttpAddress, settings), self.as_server)
        made.start()
        self.objects["outgoing", "http", name] = made
        return made

    def route(
        self, name: str, type: str, format: str = "", config: Any = None, raising: bool = False
    ) -> Any:
        cls = self.registry.service(name).cls
        made = self.registry.format(format).cls(config, cls) if format else None
        binding = Binding(
            name,
            self.as_server,
            made,
            "a channel" if type not in ("invoke", "invoke-async") else "",
            type,
            config,
        )
        return compile_route(binding, cls, raising=raising)

    def invoke(self, name: str, payload: Any = None, *, cid: str = "", extra: Any = None) -> Any:
        request = Request(payload=payload, cid=cid, extra=extra or {})
        return self.route(name, "invoke", raising=True)(request).payload

    def invoke_on(
        self, workers: Any, name: str, payload: Any = None, *, timeout: float = 5, **options: Any
    ) -> dict[str, WorkerAnswer]:
        """Call a service in this process for each worker, as JSON carries it; `silent` ones do not
        answer.
        """
        answers: dict[str, WorkerAnswer] = {}
        for worker in workers:
            if worker in self.silent:
                late = TimedOut(f"worker {worker} did not answer within {timeout:g} s")
                answers[worker] = WorkerAnswer(worker, error=late)
                continue
            there = self.others.get(worker.partition("/")[0], self)
            try:
                found = json.loads(json.dumps(there.invoke(name, payload, **options)))
                answers[worker] = WorkerAnswer(worker, os.getpid(), found)
            except HansaError as error:
                answers[worker] = WorkerAnswer(worker, os.getpid(), error=error)
        return answers

    def handle(
        self,
        name: str,
        request: Request,
        *,
        type: str = "invoke",
        format: str = "",
        channel: str = "",
    ) -> Response:
        try:
            answer: Response = self.route(name, type, format)(request)
        except NotFound as error:
            return failed(error, request, None, None)
        return answer

    def invoke_async(self, name: str, payload: Any = None, *, cid: str = "", **options: Any) -> str:
        call = {"service": name, "payload": payload, "cid": cid, **options}
        self.pending.append(json.loads(json.dumps(call)))
        return cid

    def work(self) -> list[Response]:
        """Carry out what is queued, and what that queues, as the asynchronous queue of a worker
        does.
        """
        done = []
        while self.pending:
            call = self.pending.pop(0)
            extra = {**call.get("extra", {}), "in_reply_to": call.get("in_reply_to", "")}
            response = self.route(call["service"], "invoke-async")(
                Request(payload=call["payload"], cid=call["cid"], extra=extra)
            )
            done.append(response)
            for name in call.get("callback", ()) if response.ok else ():
                self.invoke_async(
                    name,
                    response.payload,
                    cid=call["cid"],
                    in_reply_to=call["cid"],
                    extra=call.get("extra", {}),
                )
        return done

    def call(
        self,
        cls: type[Service],
        raw: bytes | str = b"",
        format: str = "json",
        *,
        type: str = "http",
        config: Any = None,
        **request: Any,
    ) -> Response:
        """Send one message through a channel to a service."""
        if cls not in [deployed.cls for deployed in self.registry.services()]:
            self.add(cls)
        body = raw.encode() if isinstance(raw, str) else raw
        answer: Response = self.route(cls.get_name(), type, format, config)(
            Request(body, **request)
        )
        return answer
