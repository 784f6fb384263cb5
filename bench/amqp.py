"""AMQP: consuming through a service and confirmed publishing, against bare pika on the same RabbitMQ with the same prefetch.

Both sides have one process and persistent messages of 1 KB in durable queues. `python -m bench.amqp` measures; with `consume` or
`publish` it is the other side.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika

from plugins.amqp.tests.rabbitmq import RabbitMQ
from tests.conftest import TOP, RunningServer, wait_until

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
        rate = (len(seen) - 1) / (seen[-1] - seen[0])
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
        channel.basic_publish("", queue, raw, pika.BasicProperties(delivery_mode=2, content_type="application/json"))
    connection.close()


def bare_consume(port: int) -> float:
    """Messages that pika consumes and acknowledges in a second."""
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    channel, seen = connection.channel(), []

    def receive(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        channel.basic_ack(method.delivery_tag)
        seen.append(time.monotonic())
        if len(seen) == CONSUMED:
            channel.stop_consuming()

    channel.basic_qos(prefetch_count=PREFETCH)
    channel.basic_consume("bench", receive)
    channel.start_consuming()
    connection.close()
    return (CONSUMED - 1) / (seen[-1] - seen[0])


def bare_publish(port: int) -> float:
    """Messages that pika publishes in a second, waiting for the confirmation of each."""
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    channel, raw = connection.channel(), body()
    channel.confirm_delivery()
    began = time.monotonic()
    for _ in range(PUBLISHED):
        properties = pika.BasicProperties(delivery_mode=2, content_type="application/json")
        channel.basic_publish("", "bench-out", raw, properties, mandatory=True)
    took = time.monotonic() - began
    connection.close()
    return PUBLISHED / took


def amqp(folder: Path) -> Iterator[Figure]:
    """AMQP consumed and published, against bare pika."""
    with RabbitMQ() as rabbit:
        server = RunningServer(folder, CONFIG.format(port=rabbit.port, prefetch=PREFETCH), workers=1)
        (folder / "measuring.py").write_text(SERVICE)
        server.start()
        try:

            def other(what: str) -> float:
                command = [sys.executable, "-m", "bench.amqp", what, str(rabbit.port)]
                return float(subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True).stdout)

            def switch(active: bool) -> None:
                current = server.api("admin.channel.amqp.get", name="bench")
                server.api("admin.channel.amqp.edit", name="bench", active=active, seen_revision=current["revision"])

            def invoke(service: str, **payload: Any) -> float:
                answer = server.api("admin.service.invoke", name=service, payload=payload)
                return float(answer["payload"]["rate"])

            def consume() -> float:
                fill(rabbit.port, "bench", CONSUMED)
                switch(True)
                rate = wait_until(lambda: invoke("measuring.seen", expected=CONSUMED), 60, "all were consumed")
                switch(False)
                return float(rate)

            def consume_bare() -> float:
                fill(rabbit.port, "bench", CONSUMED)
                return other("consume")

            yield compare(
                "AMQP: consume, parse, service, acknowledge / bare pika",
                consume,
                consume_bare,
                pairs=9,
                bound=0.6,
                at_least=True,
                note="messages/s",
            )
            yield compare(
                "AMQP: publish with confirmation / bare pika",
                lambda: invoke("measuring.publish", count=PUBLISHED, body=body().decode()),
                lambda: other("publish"),
                pairs=15,
                bound=0.9,
                at_least=True,
                note="messages/s",
            )
        finally:
            server.stop()


def main() -> None:
    """Measure, or be the other side."""
    if len(sys.argv) > 1:
        print({"consume": bare_consume, "publish": bare_publish}[sys.argv[1]](int(sys.argv[2])))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(amqp(Path(folder)))))


if __name__ == "__main__":
    main()
