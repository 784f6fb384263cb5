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
from functools import partial
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


class Measurement:
    """Both sides of the comparison: a running server, and bare pika in processes of its own."""

    def __init__(self, rabbit: RabbitMQ, server: RunningServer) -> None:
        self.rabbit = rabbit
        self.server = server
        (self.worker,) = server.workers()

    def consume(self) -> Taken:
        """The server consumes what is in the queue."""
        fill(self.rabbit.port, "bench", CONSUMED)
        before = self._used()
        self._switch(True)
        rate = 0.0
        while not rate:
            time.sleep(0.5)  # asking costs CPU time, too
            rate = self._invoke("measuring.seen", expected=CONSUMED)
        took = self._used() - before
        self._switch(False)
        return Taken(rate, took / CONSUMED * 1e6)

    def consume_bare(self) -> Taken:
        """Bare pika consumes as much."""
        fill(self.rabbit.port, "bench", CONSUMED)
        return self._bare("consume")

    def publish(self) -> Taken:
        """A service publishes, each message confirmed."""
        before = self._used()
        rate = self._invoke("measuring.publish", count=PUBLISHED, body=body().decode())
        return Taken(rate, (self._used() - before) / PUBLISHED * 1e6)

    def publish_bare(self) -> Taken:
        """Bare pika publishes as much."""
        return self._bare("publish")

    def _bare(self, what: str) -> Taken:
        command = [sys.executable, "-m", "bench.amqp", what, str(self.rabbit.port)]
        done = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True)
        rate, cpu = done.stdout.split()
        return Taken(float(rate), float(cpu))

    def _used(self) -> float:
        times = self.worker.cpu_times()
        return float(times.user + times.system)

    def _switch(self, active: bool) -> None:
        current = self.server.api("admin.channel.amqp.get", name="bench")
        revision = current["revision"]
        self.server.api(
            "admin.channel.amqp.edit", name="bench", active=active, seen_revision=revision
        )

    def _invoke(self, service: str, **payload: Any) -> float:
        answer = self.server.api("admin.service.invoke", name=service, payload=payload)
        return float(answer["payload"]["rate"])


def compared(
    what: str,
    ours: Callable[[], Taken],
    theirs: Callable[[], Taken],
    *,
    pairs: int,
    bound: float,
) -> Iterator[Figure]:
    """The rates of both sides, and the CPU time of the same runs."""
    ours_cpu: list[float] = []
    theirs_cpu: list[float] = []

    def rate(call: Callable[[], Taken], cpu: list[float]) -> float:
        taken = call()
        cpu.append(taken.cpu)
        return taken.rate

    yield compare(
        f"AMQP: {what} / bare pika",
        partial(rate, ours, ours_cpu),
        partial(rate, theirs, theirs_cpu),
        pairs=pairs,
        bound=bound,
        at_least=True,
        note="messages/s",
    )
    yield compare(
        f"AMQP: CPU time to {what} / bare pika",
        partial(next, iter(ours_cpu)),
        partial(next, iter(theirs_cpu)),
        pairs=pairs,
        note="µs of CPU",
    )


def measured(rabbit: RabbitMQ, server: RunningServer) -> Iterator[Figure]:
    """The figures of a running server and its broker."""
    both = Measurement(rabbit, server)
    yield from compared(
        "consume, parse, service, acknowledge",
        both.consume,
        both.consume_bare,
        pairs=9,
        bound=0.6,
    )
    yield from compared(
        "publish with confirmation", both.publish, both.publish_bare, pairs=15, bound=0.9
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
