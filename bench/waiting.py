"""Services that wait for a back end: how many a worker answers at once, and what becomes of fast ones
beside them.

`python -m bench waiting` measures.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
from hansa_devkit.harness.api_server import RunningServer

from tools.project import TOP

from .measure import Figure, compare
from .programs import BODY, Target, peer, wrk

PLAIN = {"Content-Type": "application/json"}
CONFIG = """
[http]
server = "{server}"
connection_limit = 5000
connections_per_address = 0

[services]
files = {files}

[channel.http.wait]
url_path = "/wait"
service = "orders.wait"

[channel.http.awaiting]
url_path = "/awaiting"
service = "orders.awaiting"

[channel.http.plain]
url_path = "/plain"
service = "orders.echo"
format = "json"
"""
CLIENTS = (64, 512)
ON_LOOP = (64, 512, 2000)


@contextlib.contextmanager
def waiting_server(folder: Path, server: str = "waitress") -> Iterator[Target]:
    """A server with one worker, whose services wait: in threads at `/wait`, and on the event loop at
    `/awaiting`.
    """
    text = CONFIG.format(server=server, files=json.dumps([str(TOP / "bench/orders.py")]))
    running = RunningServer(folder, text, workers=1)
    running.start()
    try:
        assert running.process is not None
        yield Target(psutil.Process(running.process.pid), running.port, "/wait", "", PLAIN)
    finally:
        running.stop()


def rate_of(target: Target, folder: Path, clients: int) -> float:
    """Requests per second of so many clients."""
    return wrk(target, folder, connections=clients, seconds=4 if clients < 1000 else 10).rate


def fast(target: Target, folder: Path) -> float:
    """The time in which 99 of 100 fast requests of 8 clients are answered, in milliseconds."""
    fast_target = replace(target, path="/plain", body=BODY)
    return wrk(fast_target, folder, connections=8, seconds=2).p99_ms


def fast_beside_slow(target: Target, folder: Path) -> float:
    """The same while 64 clients wait."""
    slow = partial(wrk, target, folder, connections=64, seconds=3)
    beside = threading.Thread(target=slow)
    beside.start()
    try:
        return fast(target, folder)
    finally:
        beside.join()


def waiting(folder: Path) -> Iterator[Figure]:
    """Rates of services that wait 100 ms, against the handlers of FastAPI."""
    with waiting_server(folder / "waiting") as ours, peer("FastAPI def, uvicorn") as other:
        theirs = replace(other, path="/wait", body="", headers=PLAIN)
        for clients in CLIENTS:
            yield compare(
                f"rate: a service that waits 100 ms, {clients} clients / FastAPI def",
                partial(rate_of, ours, folder, clients),
                partial(rate_of, theirs, folder, clients),
                pairs=9,
                bound=0.9,
                at_least=True,
                note="requests/s",
            )
        yield compare(
            "p99 of fast requests: beside 64 that wait / alone",
            partial(fast_beside_slow, ours, folder),
            partial(fast, ours, folder),
            pairs=9,
            bound=2.0,
            note="ms",
        )
    for server in ("waitress", "granian"):
        yield from on_loop(folder, server)


def on_loop(folder: Path, server: str) -> Iterator[Figure]:
    """Rates of services that wait 100 ms on the event loop, behind this HTTP server, against `async
    def` of FastAPI.
    """
    with (
        waiting_server(folder / server, server) as threads,
        peer("FastAPI def, uvicorn") as other,
    ):
        ours = replace(threads, path="/awaiting")
        theirs = replace(other, path="/wait/async", body="", headers=PLAIN)
        for clients in ON_LOOP:
            yield compare(
                f"rate: `async def` that waits 100 ms, {server}, {clients} clients / FastAPI async",
                partial(rate_of, ours, folder, clients),
                partial(rate_of, theirs, folder, clients),
                pairs=5,
                bound=0.9,
                at_least=True,
                note="requests/s",
            )
        yield compare(
            f"p99 of fast requests, {server}: beside 64 that wait on the loop / alone",
            partial(fast_beside_slow, ours, folder),
            partial(fast, ours, folder),
            pairs=5,
            bound=2.0,
            note="ms",
        )
