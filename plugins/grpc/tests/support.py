"""Peers in processes of their own, channels and services in one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from hansa import Model, NotFound, Service, load, setting
from hansa_devkit import LocalServer
from hansa_devkit.harness.ports import free_port
from hansa_grpc import number
from hansa_grpc.call_service import GrpcCall
from hansa_grpc.channel import GrpcChannel

HERE = Path(__file__).parent
PROTO = (HERE / "rates.proto").read_text()


class Peer:
    """A program beside this file, which answers each line with one."""

    def __init__(self, program: str, *arguments: object) -> None:
        words = [sys.executable, str(HERE / program), *map(str, arguments)]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = self._line()
        assert line == "ready", f"{program} says {line!r}"

    def ask(self, method: str = "", data: object = None, **options: Any) -> Any:
        """Have a client call a method, and return what came of it."""
        return self.say(json.dumps({"method": method, "data": data or {}, **options}))

    def say(self, line: str) -> Any:
        """Send a line, and return the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def peer(program: str, *arguments: object) -> Iterator[Peer]:
    """A peer that is ended at the end of the block."""
    one = Peer(program, *arguments)
    try:
        yield one
    finally:
        one.end()


@contextmanager
def client_of(channel: GrpcChannel, folder: Path, package: str, service: str) -> Iterator[Peer]:
    """A client of a channel, generated from the channel's own .proto."""
    source = folder / "channel.proto"
    source.write_text(channel.texts[package])
    full = f"{package}.{service}" if package else service
    with peer("peer_client.py", source, full, f"127.0.0.1:{channel.config.port}") as one:
        yield one


def made(cls: Any, server: Any, **settings: Any) -> Any:
    """An object that is not started."""
    model = type("Definition", (cls.Config, cls.common), {"__doc__": "."})
    config: Any = load(model, settings)
    return cls("Grüße", cls.prepare(config), server)


@contextmanager
def running(thing: Any) -> Iterator[Any]:
    """A started object."""
    try:
        thing.start()
        yield thing
    finally:
        thing.stop()


def server_of(*services: type[Service], **others: Any) -> LocalServer:
    """A local server with these services."""
    given: list[type[Service]] = [*services, GrpcCall]
    known = {one.get_name(): one for one in given}
    return LocalServer(services=known, **others)


@contextmanager
def channel(server: Any, methods: dict[str, str], **settings: Any) -> Iterator[Any]:
    """A running channel at a free port, whose calls the services of a local server handle."""
    listed = [{"method": method, "service": service} for method, service in methods.items()]
    one = made(GrpcChannel, server, **{"port": free_port(), "methods": listed, **settings})
    one.dispatch = lambda request: server.handle("grpc.call", request)
    with running(one):
        yield one


class Wanted(Model):
    """A rate that is wanted."""

    currency: Annotated[str, setting("Currency, as ISO 4217 has it"), number(1)]
    count: Annotated[int, setting("How many", ge=0)] = 1
    wait: timedelta = timedelta()
    raw: bytes = b""


class Rate(Model):
    """A rate."""

    currency: str
    value: float
    at: datetime | None = None
    raw: bytes = b""
    seen: dict[str, str] = {}


class Get(Service):
    """Return a rate."""

    name = "rates.get"
    Input = Wanted
    Output = Rate

    def handle(self) -> Rate:
        wanted: Wanted = self.request.input
        if wanted.currency == "none":
            raise NotFound("there is no such currency")
        if wanted.currency == "fault":
            raise RuntimeError("secret details")
        return Rate(
            currency=wanted.currency,
            value=1.5,
            at=datetime(2026, 11, 30, 12, tzinfo=UTC),
            raw=wanted.raw,
            seen={**self.request.headers, "cid": self.cid, "peer": self.request.peer},
        )


class List(Service):
    """Return rates, one after the other."""

    name = "rates.list"
    Input = Wanted
    Output = list[Rate]

    def handle(self) -> Any:
        wanted: Wanted = self.request.input
        for value in range(wanted.count):
            yield Rate(currency=wanted.currency, value=value)
        if wanted.currency == "none":
            raise NotFound("there is no such currency")


METHODS = {"rates.v1.Rates/Get": "rates.get", "rates.v1.Rates/List": "rates.list"}
