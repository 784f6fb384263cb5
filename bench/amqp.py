"""AMQP: consuming through a service and confirmed publishing, against bare pika on the same
RabbitMQ with the same prefetch.

Both sides have one process and persistent messages of 1 KB in durable queues. `python -m
bench.amqp` measures; with `consume` or `publish` it is the other side.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pika
from hansa_devkit.harness.api_server import RunningServer

from plugins.amqp.tests.rabbitmq import RabbitMQ
from tools.project import TOP

from .measure import Figure, compare, table
from .peers import SAMPLE

CONSUMED, PUBLISHED, PREFETCH = 5000, 500, 20
CONFIG = """
[services]
files = ["measuring.py"]

[channel.amqp.bench]
port = {port}
queue = "bench"
declare = "classic"
prefetch = {prefetch}
service = "measuring.count"
format = "json"
active = false

[outgoing.amqp.bench]
port = {port}
routing_key = "bench-out"
queue = "bench-out"
declare = "classic"
"""
SERVICE = """
import threading
import time

from hansa import Model, Service

seen, lock = [], threading.Lock()


class Count(Service):
    class Input(Model):
        number: int
        customer: str
        reference: str

    def handle(self):
        with lock:
            seen.append(time.monotonic())


class Seen(Service):
    def handle(self):
        expected = self.request.input["expected"]
        if len(seen) < expected:
            return {"rate": 0}
        rate = (len(seen) - 1) / max(1e-9, seen[-1] - seen[0])
        seen.clear()
        return {"rate": rate}


class Publish(Service):
    def handle(self):
        given, connection = self.request.input, self.outgoing.amqp["bench"]
        body = given["body"].encode()
        began = time.monotonic()
        for _ in range(given["count"]):
            connection.publish(body, content_type="application/json")
        return {"rate": given["count"] / (time.monotonic() - began)}
"""


class Taken(NamedTuple):
    """Messages in a second of time, and microseconds of CPU time for one message."""

    rate: float
    cpu: float


def body() -> bytes:
    """A message of about 1 KB."""
    import json

    return json.dumps({**SAMPLE, "customer": "x" * 900, "reference": "r"}).encode()


def fill(port: int, queue: str, count: int) -> None:
    """Put messages into an empty queue."""
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    channel, raw = connection.channel(), body()
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "classic"})
    channel.queue_purge(queue)
    for _ in range(count):
        channel.basic_publish(
            "", queue, raw, pika.BasicProperties(delivery_mode=2, content_type="application/json")
        )
    connection.close()


def bare_consume(port: int) -> Taken:
    """What pika takes to consume and acknowledge."""
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    channel, seen = connection.channel(), []

    def receive(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        channel.basic_ack(method.delivery_tag)
        seen.append(time.monotonic())
        if len(seen) == CONSUMED:
            channel.stop_consuming()

    channel.basic_qos(prefetch_count=PREFETCH)
    channel.basic_consume("bench", receive)
    used = time.process_time()
    channel.start_consuming()
    used = time.process_time() - used
    connection.close()
    return Taken((CONSUMED - 1) / (seen[-1] - seen[0]), used / CONSUMED * 1e6)


def bare_publish(port: int) -> Taken:
    """What pika takes to publish, waiting for the confirmation of each."""
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    channel, raw = connection.channel(), body()
    channel.confirm_delivery()
    began, used = time.monotonic(), time.process_time()
    for _ in range(PUBLISHED):
        properties = pika.BasicProperties(delivery_mode=2, content_type="application/json")
        channel.basic_publish("", "bench-out", raw, properties, mandatory=True)
    took, used = time.monotonic() - began, time.process_time() - used
    connection.close()
    return Taken(PUBLISHED / took, used / PUBLISHED * 1e6)


def amqp(folder: Path) -> Iterator[Figure]:
    """AMQP consumed and published, against bare pika."""
    with RabbitMQ() as rabbit:
        server = RunningServer(
            folder, CONFIG.format(port=rabbit.port, prefetch=PREFETCH), workers=1
        )
        (folder / "measuring.py").write_text(SERVICE)
        server.start()
        try:
            yield from measured(rabbit, server)
        finally:
            server.stop()


def measured(rabbit: RabbitMQ, server: RunningServer) -> Iterator[Figure]:
    """The figures of a running server and its broker."""
    (worker,) = [
        process
        for process in server.processes()
        if "hansa.process.worker" in " ".join(process.cmdline())
    ]

    def other(what: str) -> Taken:
        command = [sys.executable, "-m", "bench.amqp", what, str(rabbit.port)]
        rate, cpu = subprocess.run(
            command, cwd=TOP, check=True, capture_output=True, text=True
        ).stdout.split()
        return Taken(float(rate), float(cpu))

    def used() -> float:
        times = worker.cpu_times()
        return float(times.user + times.system)

    def switch(active: bool) -> None:
        current = server.api("admin.channel.amqp.get", name="bench")
        server.api(
            "admin.channel.amqp.edit",
            name="bench",
            active=active,
            seen_revision=current["revision"],
        )

    def invoke(service: str, **payload: Any) -> float:
        return float(
            server.api("admin.service.invoke", name=service, payload=payload)["payload"]["rate"]
        )

    def consume() -> Taken:
        fill(rabbit.port, "bench", CONSUMED)
        before = used()
        switch(True)
        rate = 0.0
        while not rate:
            time.sleep(0.5)  # asking costs CPU time, too
            rate = invoke("measuring.seen", expected=CONSUMED)
        took = used() - before
        switch(False)
        return Taken(rate, took / CONSUMED * 1e6)

    def consume_bare() -> Taken:
        fill(rabbit.port, "bench", CONSUMED)
        return other("consume")

    def publish() -> Taken:
        before = used()
        rate = invoke("measuring.publish", count=PUBLISHED, body=body().decode())
        return Taken(rate, (used() - before) / PUBLISHED * 1e6)

    for what, ours, theirs, pairs, bound in (
        ("consume, parse, service, acknowledge", consume, consume_bare, 9, 0.6),
        ("publish with confirmation", publish, lambda: other("publish"), 15, 0.9),
    ):
        runs: dict[str, list[Taken]] = {"ours": [], "theirs": []}

        def noted(
            side: str, call: Callable[[], Taken], runs: dict[str, list[Taken]] = runs
        ) -> float:
            runs[side].append(call())
            return runs[side][-1].rate

        yield compare(
            f"AMQP: {what} / bare pika",
            lambda ours=ours: noted("ours", ours),
            lambda theirs=theirs: noted("theirs", theirs),
            pairs=pairs,
            bound=bound,
            at_least=True,
            note="messages/s",
        )
        ours_seen, theirs_seen = (
            iter([each.cpu for each in runs[side]]) for side in ("ours", "theirs")
        )
        yield compare(
            f"AMQP: CPU time to {what} / bare pika",
            lambda seen=ours_seen: next(seen),
            lambda seen=theirs_seen: next(seen),
            pairs=pairs,
            note="µs of CPU",
        )


def main() -> None:
    """Measure, or be the other side."""
    if len(sys.argv) > 1:
        print(*{"consume": bare_consume, "publish": bare_publish}[sys.argv[1]](int(sys.argv[2])))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(amqp(Path(folder)))))


if __name__ == "__main__":
    main()
