"""GraphQL: requests that a channel answers, against bare graphql-core behind the same HTTP server:
`python -m bench.graphql_calls`.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, build_schema, graphql_sync
from hansa import Binding, Model, Service, load
from hansa.runtime.routes import compile_route
from hansa_devkit.local.registry import definition_model
from hansa_graphql.channel import GraphqlChannel
from hansa_graphql.execute_service import GraphqlExecute
from hansa_http.app import create_app
from hansa_http.frontend import HttpFrontend
from hansa_http.listener import Listener

from .clients import Clients, CompiledServer, serve_clients
from .measure import Figure
from .messages import compared

CALLS = 48
"""Requests of all clients in one run."""
QUERY = "query Of($id: Int!) { order(id: $id) { id customer lines { number pieces } } }"
BODY = json.dumps({"query": QUERY, "variables": {"id": 17}})
HEADERS = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}
ANSWER = {
    "id": 17,
    "customer": "Hanseatic Trading Company",
    "lines": [{"number": number, "pieces": 2} for number in range(3)],
}


class Line(Model):
    """A line of an order."""

    number: int
    pieces: int


class Order(Model):
    """An order."""

    id: int
    customer: str
    lines: list[Line]


class Wanted(Model):
    """Which order."""

    id: int


class Get(Service):
    """Return an order."""

    name = "bench.get"
    Input = Wanted
    Output = Order

    def handle(self) -> dict[str, Any]:
        """Return it."""
        return ANSWER


def graphql_calls(folder: Path) -> Iterator[Figure]:
    """GraphQL requests answered, against bare graphql-core."""
    server = CompiledServer(Get, GraphqlExecute)
    frontend: Any = server.resource(HttpFrontend)
    queries = [{"field": "order", "service": "bench.get"}]
    config: Any = load(
        definition_model(GraphqlChannel), {"url_path": "/graphql", "queries": queries}
    )
    channel = GraphqlChannel("bench", config, server)
    binding = Binding("graphql.execute", server, None, channel.name, "graphql")
    channel.dispatch = compile_route(binding, GraphqlExecute)
    channel.start()
    bare_application = partial(bare_answer, build_schema(channel.text))
    with (
        Clients("graphql_calls") as clients,
        listening(create_app(frontend.handler), frontend) as port,
        listening(bare_application, frontend) as bare,
    ):
        for count in (1, 8):
            yield from compared(
                f"GraphQL: answer requests of 200 bytes, {count} client(s), who wait for each",
                "graphql-core",
                partial(clients.call, port, count, CALLS // count),
                partial(clients.call, bare, count, CALLS // count),
                note="requests/s",
            )
    channel.stop()


@contextmanager
def listening(application: Any, frontend: Any) -> Iterator[int]:
    """An application at a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = Listener(application, listener, frontend.section, frontend.gate)
        one.start()
        try:
            yield listener.getsockname()[1]
        finally:
            one.stop()


def bare_answer(schema: GraphQLSchema, environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer by graphql-core alone: parse, validate, execute, and a correlation id."""
    asked = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    root = {"order": lambda info, id: ANSWER}
    found = graphql_sync(schema, asked["query"], root, variable_values=asked.get("variables"))
    body = json.dumps(found.formatted).encode()
    headers = [
        ("Content-Type", "application/graphql-response+json"),
        ("Content-Length", str(len(body))),
        ("X-Hansa-Cid", uuid.uuid4().hex),
    ]
    start_response("200 OK", headers)
    return [body]


def connected(port: int) -> Callable[[], object]:
    """Connect, and return what asks once."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    assert connection.sock is not None
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call() -> None:
        connection.request("POST", "/graphql", BODY, HEADERS)
        answer = connection.getresponse().read()
        if b"Hanseatic" not in answer:
            raise RuntimeError(answer.decode())

    return call


if __name__ == "__main__":
    if sys.argv[1:] == ["client"]:
        serve_clients(connected)
    else:
        from .measure import table

        print(table(list(graphql_calls(Path()))))
