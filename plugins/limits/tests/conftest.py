"""A real Valkey, and channels whose routes are compiled as a worker compiles them, with what this
plugin wraps around.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from inspect import iscoroutinefunction
from typing import Any, cast

import pytest
from hansa import Channel, Request, Response, Server, Service, load
from hansa.contract.service import Binding
from hansa.plugins.registry import Registry
from hansa.runtime.routes import compile_route
from hansa_json.format import JsonFormat
from hansa_limits import plugin
from hansa_limits.worker import WorkerLimits
from hansa_redis.bus import RedisBus
from hansa_redis.engine import Valkey
from hansa_xml.format import XmlFormat

from plugins.redis.tests.support import end, launch


class PlainChannel(Channel):
    """A channel that brings nothing in by itself."""

    type = "plain"


class Worker:
    """The part of a worker that the plugin uses."""

    ready = True

    def __init__(self, address: str, cluster: str) -> None:
        self.bus = RedisBus(address, cluster)
        self.objects = self
        self.channels: dict[str, PlainChannel] = {}
        self.registry = Registry()
        self.registry.add_types("test", [PlainChannel, JsonFormat, XmlFormat])
        self.registry.extend_channels(plugin.hansa_channel_settings())

        self._limits: WorkerLimits | None = None

    @property
    def as_server(self) -> Server:
        """This, for what asks for a whole server and uses no other part of it."""
        return cast(Server, self)

    def get(self, kind: str, type: str, name: str) -> PlainChannel:
        """The channel that serves under a name."""
        return self.channels[name]

    def resource(self, wanted: type[WorkerLimits]) -> WorkerLimits:
        """What the plugin keeps here, made when it is first asked for, as the tests swap the bus."""
        if self._limits is None:
            self._limits = plugin.hansa_startup(self.as_server)
        return self._limits

    def channel(
        self,
        act: Callable[[Service], Any],
        name: str = "c",
        *,
        format: str = "json",
        authenticate: Callable[[Request], object] | None = None,
        **limits: Any,
    ) -> Callable[..., Response]:
        """A route through a channel with these limits to a service that does this, on the event
        loop if it is a coroutine function.
        """

        async def handle(self: Service) -> Any:
            return await act(self)

        form = handle if iscoroutinefunction(act) else lambda self: act(self)
        service = type("Made", (Service,), {"name": "made", "handle": form})
        config: Any = load(
            self.registry.type("channel", "plain").model,
            {"service": "made", "format": format, "limits": limits},
        )
        made = self.channels[name] = PlainChannel(name, config, self.as_server)
        reader = self.registry.format(format).cls(config, service)
        binding = Binding("made", self.as_server, reader, name, "plain", config)
        guard = plugin.hansa_guard(made, service)
        made.dispatch = compile_route(
            binding,
            service,
            channel=made,
            guards=[guard] if guard is not None else [],
            authenticators=[authenticate] if authenticate is not None else [],
            wraps=[plugin.hansa_wrap],
        )
        return made.dispatch


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey that writes each change to disk, not running."""
    made = Valkey(tmp_path_factory.mktemp("l"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def valkey(engine: Valkey) -> Iterator[str]:
    """The address of a running Valkey."""
    process = launch(engine)
    yield engine.address
    end(process)


@pytest.fixture
def workers(valkey: str) -> Iterator[Callable[[], Worker]]:
    """Make workers of one cluster."""
    made: list[Worker] = []
    cluster = uuid.uuid4().hex

    def make() -> Worker:
        made.append(Worker(valkey, cluster))
        return made[-1]

    yield make
    for worker in made:
        plugin.hansa_shutdown(worker.as_server)


@pytest.fixture
def worker(workers: Callable[[], Worker]) -> Worker:
    return workers()


def post(raw: bytes = b"{}", key: str | None = None, **more: Any) -> Request:
    headers = {"idempotency-key": key} if key else {}
    return Request(raw, method="POST", headers=headers, path="/p", **more)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What calls made at the same moment give."""
    start = threading.Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        start.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))
