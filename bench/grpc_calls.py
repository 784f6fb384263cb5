"""gRPC: calls that a channel answers, and that an outgoing connection makes, against bare grpcio with
code that grpcio-tools generates: `python -m bench.grpc_calls`.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from hansa import Model, Service
from hansa_devkit import LocalServer
from hansa_devkit.harness.ports import free_port
from hansa_grpc.call_service import GrpcCall
from hansa_grpc.outgoing import GrpcOutgoing

from plugins.grpc.tests.peer_server import generated
from plugins.grpc.tests.support import PROTO, channel, made, peer, running

from .clients import Clients, CompiledServer, serve_clients
from .measure import Figure
from .messages import compared, repeated

CALLS = 240
"""Calls of all clients in one run."""
PATH = "/rates.v1.Rates/Get"
TAGS = [f"tag {number}" for number in range(20)]


def grpc_calls(folder: Path) -> Iterator[Figure]:
    """gRPC calls answered and made, against bare grpcio."""
    messages, stubs = generated()  # type: ignore[no-untyped-call]  # of the tests
    server = CompiledServer(Get, GrpcCall)
    with Clients("grpc_calls") as clients, bare_server(messages, stubs) as bare:
        with channel(server, {PATH[1:]: "bench.get"}, proto=PROTO) as one:
            for count in (1, 8):
                yield from compared(
                    f"gRPC: answer calls of 200 bytes, {count} client(s), who wait for each",
                    "grpcio",
                    partial(clients.call, one.config.port, count, CALLS // count),
                    partial(clients.call, bare, count, CALLS // count),
                    note="calls/s",
                )
    port = free_port()
    with (
        peer("peer_server.py", port, "reflection"),
        grpc.insecure_channel(f"127.0.0.1:{port}") as bare_channel,
    ):
        stub = stubs.RatesStub(bare_channel)
        with running(made(GrpcOutgoing, LocalServer(), port=port)) as outgoing:
            yield from compared(
                "gRPC: calls of 200 bytes, one after another",
                "grpcio",
                lambda: repeated(partial(call, outgoing), CALLS),
                lambda: repeated(partial(bare_call, messages, stub), CALLS),
                note="calls/s",
            )


class Wanted(Model):
    """What the .proto has, as far as it is read."""

    currency: str
    tags: list[str] = []


class Rate(Model):
    """A rate."""

    currency: str
    value: float
    text: str


class Get(Service):
    """Return a rate."""

    name = "bench.get"
    Input = Wanted
    Output = Rate

    def handle(self) -> Rate:
        """Return it."""
        wanted: Wanted = self.request.input
        return Rate(currency=wanted.currency, value=1.5, text=wanted.tags[-1])


def call(outgoing: GrpcOutgoing) -> None:
    """Call by Hansa."""
    answer = outgoing.call(PATH[1:], {"currency": "EUR", "tags": TAGS}, timeout=10)
    if answer["value"] != 1.5:
        raise RuntimeError("another answer")


def bare_call(messages: Any, stub: Any) -> None:
    """Call by generated code, with a deadline and a correlation id."""
    metadata = [("x-hansa-cid", "c" * 32)]
    request = messages.Wanted(currency="EUR", tags=TAGS)
    if stub.Get(request, timeout=10, metadata=metadata).value != 1.5:
        raise RuntimeError("another answer")


@contextmanager
def bare_server(messages: Any, stubs: Any) -> Iterator[int]:
    """A bare server in this process; yields its port."""

    class Rates(stubs.RatesServicer):  # type: ignore[misc]  # generated
        """Its methods."""

        def Get(self, request: Any, context: Any) -> Any:
            """Return a rate, with a correlation id."""
            context.set_trailing_metadata((("x-hansa-cid", uuid.uuid4().hex),))
            return messages.Rate(currency=request.currency, value=1.5, text=request.tags[-1])

    port = free_port()
    server = grpc.server(ThreadPoolExecutor(20), options=[("grpc.so_reuseport", 0)])
    stubs.add_RatesServicer_to_server(Rates(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait(10)


def connected(port: int) -> Callable[[], object]:
    """Connect, and return what calls once: bytes, so that the client costs nothing more."""
    messages, _ = generated()  # type: ignore[no-untyped-call]  # of the tests
    options = [("grpc.use_local_subchannel_pool", 1)]
    ask = grpc.insecure_channel(f"127.0.0.1:{port}", options).unary_unary(PATH)
    raw = messages.Wanted(currency="EUR", tags=TAGS).SerializeToString()
    return lambda: ask(raw, timeout=10)


if __name__ == "__main__":
    if sys.argv[1:] == ["client"]:
        serve_clients(connected)
    else:
        from .measure import table

        print(table(list(grpc_calls(Path()))))
