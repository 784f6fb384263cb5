"""Samples and statistics: what a request costs with statistics and one sample in 100, and what a
service costs that is not sampled.

`python -m bench samples` measures.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from hansa import Dispatch, Request, Response
from hansa_devkit.harness.api_server import RunningServer
from hansa_samples.switchboard import Keep, Switch, sampled

from tools.project import TOP

from .measure import Figure, compare, several
from .programs import BODY, Target, wrk

CALLS = 200_000
CONFIG = """
[services]
files = {files}

[channel.http.plain]
url_path = "/plain"
service = "orders.echo"
format = "json"
"""
SAMPLING = """
[sampling.sampling."orders.echo"]
every = 100
"""


@contextlib.contextmanager
def serving(folder: Path, config: str, *plugins: str) -> Iterator[Target]:
    """A server with one worker and these plugins."""
    text = CONFIG.format(files=json.dumps([str(TOP / "bench/orders.py")])) + config
    server = RunningServer(folder, text, workers=1, plugins=["redis", *plugins])
    server.start()
    try:
        assert server.process is not None
        headers = {"Content-Type": "application/json"}
        yield Target(psutil.Process(server.process.pid), server.port, "/plain", BODY, headers)
    finally:
        server.stop()


def answered(request: Request) -> Response:
    """Answer without any work."""
    return _ANSWER


_ANSWER = Response()


def cpu_us(call: Dispatch) -> float:
    """Microseconds of CPU of one call."""
    request = Request()
    began = time.process_time()
    for _ in range(CALLS):
        call(request)
    return (time.process_time() - began) / CALLS * 1e6


def never(*_: object) -> None:
    """Keep nothing."""


def samples(folder: Path) -> Iterator[Figure]:
    """The cost of samples and statistics."""
    keep: Keep = never
    unsampled = sampled(Switch(), keep, answered)
    yield several(
        "in process: a service that is not sampled, above the call alone",
        lambda: cpu_us(unsampled) - cpu_us(answered),
        count=9,
        bound=0.1,
        note="µs of CPU",
    )
    with (
        serving(folder / "with", SAMPLING, "samples", "redaction", "xml", "stats") as ours,
        serving(folder / "without", "") as bare,
    ):
        yield compare(
            "server CPU per request: statistics and one sample in 100 / neither",
            lambda: wrk(ours, folder, seconds=2).cpu_us,
            lambda: wrk(bare, folder, seconds=2).cpu_us,
            pairs=25,
            bound=1.05,
            note="µs of CPU",
        )
