"""ZeroMQ: pulling through a JSON service against bare pyzmq PUSH and PULL, and what a message costs where.

Both sides pull in one process what another one pushes as fast as it can: 1 KB of JSON over TCP.
`python -m bench.zeromq` measures; with `push` or `pull` it is the other side.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zmq
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.ports import free_port

from tools.project import TOP

from .measure import Figure, compare, exit_status, several, table
from .peers import SAMPLE

OURS, BARE = 20_000, 300_000
BODY = json.dumps({**SAMPLE, "filler": ""})
BODY = json.dumps({**SAMPLE, "filler": "x" * (1024 - len(BODY))})
CONFIG = """
[services]
files = ["measuring.py"]

[channel.zeromq.bench]
address = "{address}"
service = "measuring.count"
format = "json"
threads = {threads}

[channel.http.seen]
url_path = "/seen"
service = "measuring.seen"
format = "json"

[channel.http.cost]
url_path = "/cost"
service = "measuring.cost"
format = "json"
"""
SERVICE = """
import threading
import time

import zmq
from hansa import Channel, Model, Request, Service

seen, lock, enough = [], threading.Lock(), threading.Event()
expected = [0]


class Count(Service):
    class Input(Model):
        number: int
        customer: str
        reference: str

    def handle(self):
        with lock:
            seen.append(time.monotonic())
            if len(seen) == expected[0]:
                enough.set()


class Seen(Service):
    def handle(self):
        given = self.request.input
        if "expected" in given:
            expected[0] = given["expected"]
            enough.clear()
            seen.clear()
            return {}
        if not enough.wait(20):
            return {"error": f"{len(seen)} of {expected[0]} messages came"}
        return {"rate": (len(seen) - 1) / (seen[-1] - seen[0])}


class Cost(Service):
    def handle(self):
        # microseconds of CPU of this thread for one message, each part alone
        body, calls = self.request.input["body"].encode(), 2000
        context = zmq.Context()
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        pull.set_hwm(0)
        push.set_hwm(0)
        push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
        for _ in range(calls):
            push.send(body)
        time.sleep(0.3)
        receive = self.timed(calls, lambda: pull.poll(1000) and pull.recv_multipart(zmq.NOBLOCK))
        context.destroy(0)
        format = self.server.registry.format("json").cls(None, Count)
        parse = self.timed(calls, lambda: format.parse(body, Count.Input))
        channel = self.server.objects.get("channel", "zeromq", "bench")
        assert isinstance(channel, Channel)
        route = channel.dispatch
        dispatch = self.timed(calls, lambda: route(Request(raw=body))) - parse
        return {"receive": receive, "parse": parse, "dispatch": dispatch}

    def timed(self, calls, call):
        began = time.thread_time()
        for _ in range(calls):
            call()
        return (time.thread_time() - began) / calls * 1e6
"""


def push(address: str, count: int) -> None:
    """Send so many messages."""
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.connect(address)
    body = BODY.encode()
    for _ in range(count):
        socket.send(body)
    context.destroy(10_000)


def pull(address: str, count: int) -> float:
    """Messages per second, from the first to the last."""
    socket = zmq.Context().socket(zmq.PULL)
    socket.bind(address)
    with pushing(address, count):
        socket.recv()
        began = time.monotonic()
        for _ in range(count - 1):
            socket.recv()
        took = time.monotonic() - began
    return (count - 1) / took


def pushing(address: str, count: int) -> subprocess.Popen[bytes]:
    """A process that pushes."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench.zeromq", "push", address, str(count)], cwd=TOP
    )


def zeromq(folder: Path, pairs: int = 15) -> Iterator[Figure]:
    """Pulling through a JSON service, against bare pyzmq, and the cost of a message split into its parts."""
    address = f"tcp://127.0.0.1:{free_port()}"
    server = RunningServer(folder / "zeromq", CONFIG.format(address=address, threads=4), workers=1)
    (server.folder / "measuring.py").write_text(SERVICE)
    server.start()
    rates: list[float] = []

    def asked(path: str, **given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = server.post(path, given, timeout=60).json()
        return answer

    def ours() -> float:
        asked("/seen", expected=OURS)
        with pushing(address, OURS):
            answer = asked("/seen")
        if "rate" not in answer:
            raise RuntimeError(str(answer))
        rates.append(answer["rate"])
        return rates[-1]

    def theirs() -> float:
        command = [
            sys.executable,
            "-m",
            "bench.zeromq",
            "pull",
            f"tcp://127.0.0.1:{free_port()}",
            str(BARE),
        ]
        return float(
            subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout
        )

    def part(name: str) -> Callable[[], float]:
        return lambda: float(asked("/cost", body=BODY)[name])

    try:
        yield compare(
            "ZeroMQ PULL through a JSON service / bare pyzmq PUSH and PULL",
            ours,
            theirs,
            pairs=pairs,
            bound=0.03,
            at_least=True,
            note="messages/s",
        )
        for name, what in (
            ("receive", "poll and take it from the socket"),
            ("parse", "1 KB of JSON into a Model"),
            ("dispatch", "route, service, answer"),
        ):
            yield several(f"ZeroMQ message, {name}: {what}", part(name), note="µs of CPU")
        yield several(
            "ZeroMQ message, all, with the way to another thread",
            lambda: 1e6 / rates.pop(),
            note="µs",
        )
    finally:
        server.stop()


def main() -> int:
    """Measure and print; ends with 1 when a bound does not hold."""
    match sys.argv[1:]:
        case ["push", address, count]:
            push(address, int(count))
            return 0
        case ["pull", address, count]:
            print(pull(address, int(count)))
            return 0
    with tempfile.TemporaryDirectory() as folder:
        figures = list(zeromq(Path(folder), *map(int, sys.argv[1:2])))
    print(table(figures))
    return exit_status(figures)


if __name__ == "__main__":
    sys.exit(main())
