"""A real HTTP server with GraphQL channels, without the rest of Hansa."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import httpx2
import pytest
from hansa import Binding, Invalid, Model, NotFound, Secret, Service, load, setting
from hansa.runtime.routes import compile_route
from hansa_devkit import LocalServer
from hansa_graphql.channel import GraphqlChannel
from hansa_graphql.execute_service import GraphqlExecute
from hansa_http.app import create_app
from hansa_http.frontend import HttpFrontend
from hansa_http.listener import Listener


class Kind(Enum):
    SPOT = "spot"
    FORWARD = "forward"


class Note(Model):
    """A note."""

    text: str
    notes: list[Note] = []


class Order(Model):
    """An order."""

    id: Annotated[int, setting("Its number")]
    total: Decimal
    at: datetime | None = None
    kind: Kind = Kind.SPOT
    notes: list[Note] = []
    anything: Any = None
    raw: bytes = b""
    password: Secret = Secret("hidden")


class Wanted(Model):
    id: Annotated[int, setting("Its number", ge=1)]
    kind: Kind = Kind.SPOT
    note: Note | None = None


class GetOrder(Service):
    """Return an order."""

    name = "orders.get"
    Input = Wanted
    Output = Order

    def handle(self) -> Order:
        wanted: Wanted = self.request.input
        if wanted.id == 404:
            raise NotFound("there is no such order")
        if wanted.id == 500:
            raise RuntimeError("secret details")
        return Order(
            id=wanted.id,
            total=Decimal("1.10"),
            at=datetime(2026, 11, 30, tzinfo=UTC),
            kind=wanted.kind,
            notes=[wanted.note] if wanted.note else [],
            anything={"headers": dict(self.request.headers), "who": self.request.principal},
            raw=b"\x00\xff",
        )


class ListOrders(Service):
    name = "orders.list"
    Output = list[Order]

    def handle(self) -> list[dict[str, Any]]:
        return [{"id": 1, "total": "1.5"}, {"id": 2, "total": "2"}]


class Add(Service):
    """Add an order."""

    name = "orders.add"
    Input = Wanted
    Output = int
    added: list[int] = []

    def handle(self) -> int:
        wanted: Wanted = self.request.input
        if wanted.id > 1000:
            raise Invalid({"id": "is too large"})
        self.added.append(wanted.id)
        return len(self.added)


QUERIES = [
    {"field": "order", "service": "orders.get"},
    {"field": "orders", "service": "orders.list"},
]
MUTATIONS = [{"field": "add", "service": "orders.add"}]


class Site:
    """Channels at an address, and a client of them."""

    def __init__(self) -> None:
        known = {one.get_name(): one for one in (GetOrder, ListOrders, Add, GraphqlExecute)}
        self.server: Any = LocalServer(services=known)
        frontend = self.server.resource(HttpFrontend)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/graphql"
        self.listener = Listener(
            create_app(frontend.handler), self.socket, frontend.section, frontend.gate
        )
        self.listener.refuse = frontend.handler.refuse
        self.listener.start()
        self.client = httpx2.Client(trust_env=False, timeout=30)

    def made(self, **settings: Any) -> GraphqlChannel:
        """A channel that is not started."""
        given = {"url_path": "/graphql", "queries": QUERIES, "mutations": MUTATIONS, **settings}
        bases = (GraphqlChannel.Config, GraphqlChannel.common)
        model: Any = type("Definition", bases, {"__doc__": "."})
        return GraphqlChannel("Grüße", load(model, given), self.server)

    def add(self, authenticate: Callable[[Any], Any] | None = None, **settings: Any) -> Any:
        """A channel that runs."""
        channel = self.made(**settings)
        binding = Binding("graphql.execute", self.server, None, channel.name, "graphql")
        authenticators = [authenticate] if authenticate else []
        channel.dispatch = compile_route(binding, GraphqlExecute, authenticators=authenticators)
        channel.start()
        return channel

    def ask(self, query: str, accept: str = "", **others: Any) -> Any:
        """POST a request, and return the answer."""
        headers = {"Accept": accept or "application/graphql-response+json"}
        return self.client.post(self.url, json={"query": query, **others}, headers=headers)

    def close(self) -> None:
        self.client.close()
        self.listener.stop()
        self.socket.close()
        Add.added.clear()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()
