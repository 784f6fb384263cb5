"""Asynchronous invocation, accepted to finished, against bare redis-py doing XADD, XREADGROUP and
XACK on the same Valkey.

Both sides have one process with as many consuming threads. The other side adds, reads and
acknowledges one message at a time; calls here are made one after the other, by several threads, or
many together. In durable mode the Valkey writes each change to disk before it answers.
`python -m bench.async_invocation` measures; with `bare` it is the other side.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import redis
from hansa_devkit.harness.api_server import RunningServer

from tools.project import TOP

from .measure import Figure, compare, exit_status, table

# a stream's name and its entries, each with identifier and fields
Stream = tuple[str, list[tuple[str, dict[str, str]]]]
CALLS, THREADS = 1000, 4
CONFIG = """
[services]
files = ["measuring.py"]
[queue]
async_threads = {threads}

[redis]
durability = "{durability}"

[channel.http.measure]
url_path = "/measure"
service = "measuring.measure"
format = "json"
"""
SERVICE = """
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

from hansa import Service

done = threading.Semaphore(0)


class Finished(Service):
    def handle(self):
        done.release()


class Measure(Service):
    def handle(self):
        calls, queue = self.request.input["calls"], self.server.queue
        if not calls:
            return {"address": self.server.engines["redis"]}
        invoke = getattr(self, self.request.input["by"])
        payloads = [{"number": number, "text": "x" * 200} for number in range(calls)]
        began = time.monotonic()
        invoke(payloads)
        for _ in range(calls):
            done.acquire()
        while queue.status()["running"]:
            pass
        return {"rate": calls / (time.monotonic() - began)}

    def one_by_one(self, payloads):
        for payload in payloads:
            self.server.invoke_async("measuring.finished", payload)

    def by_threads(self, payloads):
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(self.server.invoke_async, repeat("measuring.finished"), payloads))

    def together(self, payloads):
        for first in range(0, len(payloads), 100):
            part = payloads[first : first + 100]
            self.server.invoke_async_many("measuring.finished", part)
"""
HOW = {
    "one_by_one": ("one after the other", 0.5),
    "by_threads": ("by 16 threads", 3),
    "together": ("100 together", 3),
}
"""How calls are made, in words, and the bound in durable mode."""


def bare(address: str, calls: int) -> float:
    """Messages per second from the first XADD to the last XACK, with redis-py alone."""
    client, stream = redis.Redis.from_url(address), f"bench:{uuid.uuid4().hex}"
    client.xgroup_create(stream, "readers", id="0", mkstream=True)
    left, ended = threading.Semaphore(0), threading.Event()

    def consume(name: str) -> None:
        while not ended.is_set():
            found = client.xreadgroup("readers", name, {stream: ">"}, count=1, block=100)
            # redis-py types the answers of all protocol versions at once
            for _, entries in cast("list[Stream]", found or []):
                for identifier, _ in entries:
                    client.xack(stream, "readers", identifier)
                    left.release()

    threads = [threading.Thread(target=consume, args=(str(index),)) for index in range(THREADS)]
    for thread in threads:
        thread.start()
    body = b'{"service":"measuring.finished","payload":{"number":1000,"text":"%s"}}' % (b"x" * 200)
    began = time.monotonic()
    for _ in range(calls):
        client.xadd(stream, {"call": body})
    for _ in range(calls):
        left.acquire()
    took = time.monotonic() - began
    ended.set()
    for thread in threads:
        thread.join()
    client.delete(stream)
    return calls / took


def async_invocation(folder: Path, pairs: int = 15) -> Iterator[Figure]:
    """Asynchronous invocation from accepted to finished, against bare redis-py."""
    for durability in ("durable", "fast"):
        config = CONFIG.format(threads=THREADS, durability=durability)
        server = RunningServer(folder / durability, config, workers=1)
        (server.folder / "measuring.py").write_text(SERVICE)
        server.start()
        try:
            address = server.post("/measure", {"calls": 0}).json()["address"]

            def ours(by: str, server: RunningServer = server) -> float:
                asked = {"calls": CALLS, "by": by}
                return float(server.post("/measure", asked, timeout=120).json()["rate"])

            def theirs(address: str = address) -> float:
                command = [
                    sys.executable,
                    "-m",
                    "bench.async_invocation",
                    "bare",
                    address,
                    str(CALLS),
                ]
                return float(
                    subprocess.run(
                        command, cwd=TOP, capture_output=True, text=True, check=True
                    ).stdout
                )

            for by, (how, bound) in HOW.items():
                yield compare(
                    f"async invocation {how}, accepted to finished / bare redis-py ({durability})",
                    partial(ours, by),
                    theirs,
                    pairs=pairs,
                    bound=bound if durability == "durable" else 0.5,
                    at_least=True,
                    note="messages/s",
                )
        finally:
            server.stop()


def main() -> int:
    """Measure and print; ends with 1 when a bound does not hold."""
    if sys.argv[1:2] == ["bare"]:
        print(bare(sys.argv[2], int(sys.argv[3])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        figures = list(async_invocation(Path(folder), *map(int, sys.argv[1:2])))
    print(table(figures))
    return exit_status(figures)


if __name__ == "__main__":
    sys.exit(main())
