"""A real Valkey, and workers' queues over it in this process, whose services are called through
real routes.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from hansa import Request, Response, Server, Service
from hansa.contract.registry import RegisteredService
from hansa.contract.service import Binding
from hansa.plugins.registry import Registry
from hansa.runtime.routes import compile_route, failed
from hansa_admin.administration import Administration
from hansa_queue import reading, upkeep
from hansa_queue.early import QueueSection
from hansa_queue.patterns import FanOutFinal
from hansa_queue.queue import RedisQueue
from hansa_redis.engine import Valkey

from plugins.redis.tests.support import end, launch

FAST: dict[str, Any] = {"lease": 1.0, "first_delay": 0.02, "last_delay": 0.1}


class Worker:
    """The part of a worker that the queue uses: a registry of services, and routes to them."""

    def __init__(
        self, name: str, address: str, prefix: str, registry: Registry, **settings: Any
    ) -> None:
        self.name = self.id = name
        self.registry = registry
        self.administration = Administration()
        section = QueueSection(**{**FAST, **settings})
        self.queue = RedisQueue(self.as_server, address, prefix, section)

    def resource(self, wanted: type[Administration]) -> Administration:
        assert wanted is Administration
        return self.administration

    @property
    def as_server(self) -> Server:
        """This, for what asks for a whole server and uses no other part of it."""
        return cast(Server, self)

    def _route(self, name: str, type: str, raising: bool) -> Any:
        cls = self.registry.service(name).cls
        binding = Binding(name, self.as_server, None, "", type, None)
        return compile_route(binding, cls, raising=raising)

    def handle(
        self, name: str, request: Request, *, type: str = "invoke", **options: Any
    ) -> Response:
        try:
            return self._route(name, type, False)(request)
        except Exception as error:
            return failed(error, request, None, None)

    def invoke(self, name: str, payload: Any = None, *, cid: str = "", **request: Any) -> Any:
        return self._route(name, "invoke", True)(
            Request(payload=payload, cid=cid, **request)
        ).payload

    def status(self) -> dict[str, Any]:
        return self.queue.status()


class Cluster:
    """Workers that share one queue and one set of services; `seen` collects what these report."""

    def __init__(self, address: str) -> None:
        self.address, self.prefix = address, f"test:{uuid.uuid4().hex}"
        self.registry = Registry()
        self.workers: list[Worker] = []
        self.seen: list[Any] = []
        self._lock = threading.Lock()
        self.add(FanOutFinal)

    def worker(self, *, start: bool = True, **settings: Any) -> Worker:
        made = Worker(
            f"server/{len(self.workers)}.1", self.address, self.prefix, self.registry, **settings
        )
        self.workers.append(made)
        if start:
            made.queue.start()
        return made

    def add(self, *classes: type[Service]) -> None:
        for cls in classes:
            self.registry.replace_services(
                cls.get_name(), [RegisteredService(cls.get_name(), cls, cls.get_name())]
            )

    def service(self, name: str, act: Callable[[Service], Any]) -> None:
        """Add a service that does this; or replace it by a new version that does."""
        self.add(type("Made", (Service,), {"name": name, "handle": lambda self: act(self)}))

    def report(self, value: Any) -> None:
        with self._lock:
            self.seen.append(value)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running Valkey that writes each change to disk."""
    engine = Valkey(tmp_path_factory.mktemp("q"))
    process = launch(engine)
    yield engine.address
    end(process)
    engine.close()


@pytest.fixture(autouse=True, scope="session")
def quick() -> None:
    """Look more often, so that tests need not wait."""
    reading.BLOCK, reading.TICK, reading.PAUSE = 0.1, 0.02, 0.2
    upkeep.IDLE, upkeep.TICK = 0.05, 0.02


@pytest.fixture
def cluster(valkey: str) -> Iterator[Cluster]:
    """An empty queue."""
    made = Cluster(valkey)
    yield made
    for worker in made.workers:
        worker.queue.stop(5.0)
