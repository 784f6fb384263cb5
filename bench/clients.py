"""Clients in a process of their own, for benchmarks of what answers calls: only the CPU time of the
server counts, which is in this process.

The module of a benchmark is the program, too: `python -m bench.NAME client` reads a line with the port,
the number of clients and the calls of each, and prints the seconds that they took.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Self, TypeAlias

from hansa import Binding, Dispatch, Request, Response, Service
from hansa.runtime.routes import compile_route
from hansa_devkit import LocalServer

from tools.project import TOP

from .messages import Taken

Connect: TypeAlias = Callable[[int], Callable[[], object]]
"""Connects to a port, and returns what calls once and waits for the answer."""
BODY = json.dumps({"number": 17, "text": "x" * 170})
"""A message of 200 bytes."""


class CompiledServer(LocalServer):
    """A local server whose routes to services are made once, as those of a running server are."""

    def __init__(self, *services: type[Service]) -> None:
        super().__init__(services={each.get_name(): each for each in services})
        self._routes: dict[str, Dispatch] = {}

    def handle(self, name: str, request: Request, **options: Any) -> Response:
        """Run a request through a service."""
        route = self._routes.get(name)
        if route is None:
            kind, channel = options.get("type", ""), options.get("channel", "")
            binding = Binding(name, self, None, channel, kind)
            route = compile_route(binding, self.registry.service(name).cls)
            self._routes[name] = route
        return route(request)


class Clients:
    """The process of the clients."""

    def __init__(self, module: str) -> None:
        self._words = [sys.executable, "-m", f"bench.{module}", "client"]
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._words, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def call(self, port: int, clients: int, calls: int) -> Taken:
        """Have so many clients call at the same time; each waits for an answer before the next call."""
        assert self._process.stdin is not None and self._process.stdout is not None
        used = time.process_time()
        self._process.stdin.write(f"{port} {clients} {calls}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        used = time.process_time() - used
        if not line.strip():
            raise RuntimeError("the clients have failed")
        return Taken(clients * calls / float(line), used / clients / calls * 1e6)


def serve_clients(connect: Connect) -> None:
    """Be that process."""
    for line in sys.stdin:
        port, clients, calls = map(int, line.split())
        print(_seconds([connect(port) for _ in range(clients)], calls), flush=True)


def _seconds(clients: list[Callable[[], Any]], calls: int) -> float:
    began = time.perf_counter()
    threads = [threading.Thread(target=_repeat, args=(each, calls)) for each in clients[1:]]
    for thread in threads:
        thread.start()
    _repeat(clients[0], calls)
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def _repeat(call: Callable[[], object], calls: int) -> None:
    for _ in range(calls):
        call()
