"""Run a service, or a connector, in a test without a server: a stand-in for the facade `server`, and `run_service`."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hansa import (
    Binding,
    Format,
    HansaError,
    NotFound,
    Request,
    Response,
    Service,
    current_cid,
    new_cid,
    problem,
)


class _Named(dict[str, Any]):
    """Objects by name, where a missing one is a `NotFound`, as in a real server."""

    def __init__(self, what: str, items: Mapping[str, Any]) -> None:
        super().__init__(items)
        self._what = what

    def __missing__(self, name: str) -> Any:
        there = ", ".join(sorted(self)) or "none"
        raise NotFound(f"no {self._what} is named {name!r} in this test (there are: {there})")


class _Outgoing:
    """Connections out, as `outgoing.TYPE["name"]`."""

    def __init__(self, types: Mapping[str, Mapping[str, Any]]) -> None:
        self._types = {type: _Named(f"outgoing {type}", items) for type, items in types.items()}

    def __getattr__(self, type: str) -> _Named:
        if type.startswith("__"):
            raise AttributeError(type)
        return self._types.get(type) or _Named(f"outgoing {type}", {})


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of another service that a service under test made."""

    name: str
    payload: Any
    cid: str


class LocalServer:
    """The facade `server` in one process: no store, no sockets, no other workers; only what the test hands in.

    `outgoing` maps types to names to objects (real ones or fakes), `services` maps names to a Service class, to a function of
    the payload, or to a plain answer. `formats` maps names to Format classes, `security` names to objects, `sections` names to
    the Models of config.toml. Everything else, such as `redis`, is set as an attribute. `invoked` and `pending` list the calls
    made by `invoke` and `invoke_async`, `losses` the errors by which objects told that their other side is gone, by object.
    """

    def __init__(
        self,
        *,
        outgoing: Mapping[str, Mapping[str, Any]] | None = None,
        services: Mapping[str, Any] | None = None,
        formats: Mapping[str, type[Format]] | None = None,
        security: Mapping[str, Any] | None = None,
        sections: Mapping[str, Any] | None = None,
        directory: Path | None = None,
        **others: Any,
    ) -> None:
        self.name, self.worker = "local", 0
        self.outgoing: Any = _Outgoing(outgoing or {})
        self.services = _Named("service", services or {})
        self.formats = _Named("format", formats or {})
        self.security = _Named("security definition", security or {})
        self.sections = _Named("section of config.toml", sections or {})
        self.sockets: dict[str, Any] = {}
        self.engines: dict[str, str] = {}
        self.log = logging.getLogger("hansa.local")
        self.invoked: list[Invocation] = []
        self.pending: list[Invocation] = []
        self.losses: dict[Any, BaseException] = {}
        self._directory = directory
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        for name, value in others.items():
            setattr(self, name, value)

    @property
    def dir(self) -> Path:
        """The server's directory: the one handed in, or a temporary one, made at first use and removed with this object."""
        if self._directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="hansa-local-")
            self._directory = Path(self._temporary.name)
        return self._directory

    def section(self, name: str) -> Any:
        """The Model of a section of config.toml; raises `NotFound` unless one was handed in."""
        return self.sections[name]

    def object(self, kind: str, type: str | None, name: str) -> Any:
        """A live object; raises `NotFound` unless it was handed in."""
        if kind == "security":
            return self.security[name]
        if kind == "outgoing" and type:
            return getattr(self.outgoing, type)[name]
        raise NotFound(f"no {kind} {type or ''} is in this test")

    def lost(self, broken: Any, why: Any, serves: bool = False) -> None:
        """Note that an object lost its other side; core would start another one in its place, unless it `serves` on."""
        if not serves:
            self.losses.setdefault(broken, why)

    def invoke(self, name: str, payload: Any = None, *, cid: str = "", **options: Any) -> Any:
        """Call a service and give back its answer; its exceptions come through."""
        cid = cid or new_cid()
        self.invoked.append(Invocation(name, payload, cid))
        return self._answer(name, payload, cid)

    def invoke_async(self, name: str, payload: Any = None, *, cid: str = "", **options: Any) -> str:
        """Note a call for `run_pending`; gives the correlation id. Raises `NotFound` for an unknown service."""
        cid = cid or new_cid()
        _ = self.services[name]
        self.pending.append(Invocation(name, payload, cid))
        return cid

    def run_pending(self) -> list[Any]:
        """Make the calls that `invoke_async` noted, and those they cause, in order; gives their answers."""
        answers = []
        while self.pending:
            call = self.pending.pop(0)
            answers.append(self._answer(call.name, call.payload, call.cid))
        return answers

    def handle(
        self,
        name: str,
        request: Request,
        *,
        type: str = "invoke",
        channel: str = "",
        format: str = "",
        config: Any = None,
    ) -> Response:
        """Run one request through a service, as a channel does; never raises."""
        try:
            form = self.formats[format](config, self.services[name]) if format else None
            return self.run(
                self.services[name],
                request,
                name=name,
                type=type,
                channel=channel,
                format=form,
                config=config,
            )
        except Exception as error:
            status, outcome = (
                (error.status, error.outcome) if isinstance(error, HansaError) else (500, "retry")
            )
            response = Response(problem(error, request.cid), status=status, cid=request.cid)
            response.error, response.outcome = error, outcome
            return response

    def run(
        self,
        service: type[Service],
        request: Request,
        *,
        name: str = "",
        type: str = "invoke",
        channel: str = "",
        format: Format | None = None,
        config: Any = None,
    ) -> Response:
        """Run one request through a service class; its exceptions come through."""
        binding = Binding(name or service.get_name(), self, format, channel, type, config)
        request.channel, request.format = binding, format.type if format else ""
        token = current_cid.set(request.cid)
        try:
            response = service.compile(binding)(request)
        finally:
            current_cid.reset(token)
        response.cid = request.cid
        return response

    def _answer(self, name: str, payload: Any, cid: str) -> Any:
        found = self.services[name]
        if isinstance(found, type) and issubclass(found, Service):
            return self.run(found, Request(payload=payload, cid=cid), name=name).payload
        return found(payload) if callable(found) else found


def run_service(
    service: type[Service],
    input: Any = None,
    *,
    raw: bytes = b"",
    format: type[Format] | Format | None = None,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    method: str = "",
    principal: Any = None,
    cid: str = "",
    attempt: int = 1,
    outgoing: Mapping[str, Mapping[str, Any]] | None = None,
    services: Mapping[str, Any] | None = None,
    server: Any = None,
    **others: Any,
) -> Response:
    """Handle one message with a service, as a channel would: the answer is in the response's `payload` (and `raw`).

    `input` is the input as a Model or plain data; `raw` with a `format` is what a client sends. `outgoing`, `services` and
    anything else make the `LocalServer` that the service sees as `self.server`; or hand in a `server`. Exceptions of the
    service come through, and `Invalid` when the input does not fit its declaration.
    """
    server = server or LocalServer(outgoing=outgoing, services=services, **others)
    request = Request(
        raw,
        payload=input,
        headers=headers or {},
        params=params or {},
        method=method,
        cid=cid,
        attempt=attempt,
    )
    request.principal = principal
    form = format(None, service) if isinstance(format, type) else format
    response: Response = LocalServer.run(
        server, service, request, type="test", channel="test", format=form
    )
    return response
