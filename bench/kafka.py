"""Kafka: messages consumed and published, against bare confluent-kafka on the same broker (noida-db).

The library hands out hundreds of messages in one call, and does nothing with them: what is consumed
has a bound for the cost of a message with its service, not for the share of the library.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, Producer
from hansa_kafka.channel import KafkaChannel
from hansa_kafka.outgoing import KafkaOutgoing

from plugins.kafka.tests.brokers import Broker, Noida
from plugins.kafka.tests.support import made

from .measure import Figure
from .messages import BODY, Counting, Taken, compared, repeated, started, taken

COUNT = 5000
"""Messages that are consumed in one run."""
PUBLISHED = 500
"""Messages that are published in one run, each once the one before is acknowledged."""


def kafka(folder: Path) -> Iterator[Figure]:
    """Kafka messages consumed and published, against bare confluent-kafka."""
    with Noida() as broker:
        full, empty = broker.topic(), broker.topic()
        broker.send(full, *[BODY] * COUNT)
        yield from compared(
            "Kafka: consume 5,000 messages of 200 bytes of one partition",
            "confluent-kafka",
            partial(consume, broker, full),
            partial(bare_consume, broker, full),
            bound=0.01,
        )
        producer = Producer(broker.client(**{"linger.ms": 0, "enable.idempotence": True}))
        with started(made(KafkaOutgoing, broker, topic=empty)) as outgoing:
            yield from compared(
                "Kafka: publish 500 messages of 200 bytes, one after another",
                "confluent-kafka",
                lambda: repeated(lambda: outgoing.publish(BODY), PUBLISHED),
                lambda: repeated(lambda: bare_publish(producer, empty), PUBLISHED),
            )


def consume(broker: Broker, topic: str) -> Taken:
    """What a channel takes, as a group of its own."""
    group = uuid.uuid4().hex
    return taken(made(KafkaChannel, broker, topics=[topic], group=group, service="x"), COUNT)


def bare_consume(broker: Broker, topic: str) -> Taken:
    """The same by a loop that commits what it has taken, some hundred messages at a time."""
    settings = {"group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"}
    consumer = Consumer(
        broker.client(
            **settings, **{"enable.auto.commit": False, "enable.auto.offset.store": False}
        )
    )
    counting = Counting(COUNT)
    try:
        consumer.subscribe([topic])
        while True:
            for message in consumer.consume(500, 0.05):
                if message.error() is None and counting.count():
                    return counting.taken()
                consumer.store_offsets(message)
            consumer.commit(asynchronous=True)
    finally:
        consumer.close()


def bare_publish(producer: Producer, topic: str) -> None:
    """Publish with a correlation id, as Hansa does, and wait until it is acknowledged."""
    done: list[Message] = []
    headers: Any = [("x-hansa-cid", uuid.uuid4().hex)]
    producer.produce(
        topic, BODY, on_delivery=lambda error, message: done.append(message), headers=headers
    )
    while not done:
        producer.poll(1)


if __name__ == "__main__":
    from .measure import table

    print(table(list(kafka(Path()))))
