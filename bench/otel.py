"""OpenTelemetry: what a request costs whose steps and figures are sent to a collector, and what a span
costs by itself.

`python -m bench otel` measures.
"""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hansa import Request
from hansa_otel.delivery import FAST, PROTOBUF
from hansa_otel.spans import Spans
from hansa_trace.hop import Place
from hansa_trace.recording import Recorder, traced
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from .measure import Figure, compare, several
from .programs import wrk
from .samples import answered, serving

BATCH = 1000
ROUNDS = 10
OBSERVING = ("trace", "stats")
CONFIG = """
[otel]
enabled = true
endpoint = "http://127.0.0.1:{port}"
"""


class Collector(BaseHTTPRequestHandler):
    """Takes everything, and looks at nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""

    def do_POST(self) -> None:
        """Answer one request with an empty message, which says that all was taken."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", PROTOBUF)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextlib.contextmanager
def collecting() -> Iterator[int]:
    """Return the port of a collector, which serves inside of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def cpu_of_a_span() -> float:
    """Microseconds of CPU of a span, from its step to a compressed request."""
    recorder = Recorder()
    spans = Spans(Resource())
    call = traced(recorder, Place("channel", "http orders", "orders.get"), answered)
    taken = []
    for _ in range(ROUNDS):
        for number in range(BATCH):
            call(Request(cid=f"K{number:027}"))
        taken.append(recorder.take(BATCH))
    began = time.process_time()
    for one in taken:
        gzip.compress(spans.request([(one.zero, note) for note in one.notes]), FAST)
    return (time.process_time() - began) / BATCH / ROUNDS * 1e6


def otel(folder: Path) -> Iterator[Figure]:
    """The cost of sending telemetry, in process and of a whole server."""
    yield several(
        "in process: a step that is made a span and compressed",
        cpu_of_a_span,
        count=9,
        bound=15.0,
        note="µs of CPU",
    )
    with (
        collecting() as port,
        serving(folder / "sent", CONFIG.format(port=port), "otel", *OBSERVING) as sent,
        serving(folder / "kept", "", *OBSERVING) as kept,
    ):
        yield compare(
            "server CPU per request: every step and all figures sent to a collector / kept alone",
            lambda: wrk(sent, folder).cpu_us,
            lambda: wrk(kept, folder).cpu_us,
            pairs=25,
            bound=1.1,
            note="µs of CPU",
        )
