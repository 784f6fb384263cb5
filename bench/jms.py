"""JMS: messages sent and consumed over STOMP, against bare stomp.py on the same ActiveMQ, and over AMQP 1.0,
against bare Qpid Proton on the same RabbitMQ.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pika
import stomp
from hansa_devkit.harness.objects import made
from hansa_jms.channel import JmsChannel
from hansa_jms.outgoing import JmsOutgoing
from proton import Message
from proton.handlers import MessagingHandler
from proton.reactor import Container
from proton.utils import BlockingConnection

from plugins.jms.tests.activemq import ActiveMQ
from plugins.jms.tests.rabbit import RabbitAmqp

from .measure import Figure
from .messages import BODY, LIMIT, Counting, Taken, compared, repeated, started, taken

CONSUMED = 1500
"""Messages that are consumed in one run."""
SENT = 300
"""Messages that are sent in one run, each once the broker has confirmed the one before."""
PREFETCH = 20
"""Messages that may be in hand."""


def jms(folder: Path) -> Iterator[Figure]:
    """Messages of JMS sent and consumed, against the bare libraries."""
    with ActiveMQ() as activemq:
        yield from figures("STOMP", "stomp.py", activemq, StompPeer(activemq))
    with RabbitAmqp() as rabbit:
        yield from figures("AMQP 1.0", "Qpid Proton", rabbit, ProtonPeer(rabbit))


def figures(
    protocol: str, bare: str, broker: Any, peer: StompPeer | ProtonPeer
) -> Iterator[Figure]:
    """What is sent and consumed over one protocol."""
    settings = {**broker.settings, "queue": "sent"}
    peer.fill("sent", 0)
    with started(made(JmsOutgoing, settings)) as outgoing, peer.sending("sent") as send:
        yield from compared(
            f"JMS: send 300 messages of 200 bytes over {protocol}, one after another",
            bare,
            partial(repeated, lambda: outgoing.send(BODY), SENT),
            partial(repeated, send, SENT),
        )
    yield from compared(
        f"JMS: consume 1,500 messages of 200 bytes over {protocol}",
        bare,
        partial(consume, broker, peer),
        peer.consume,
    )


def consume(broker: Any, peer: StompPeer | ProtonPeer) -> Taken:
    """What a channel takes."""
    queue = peer.full()
    settings = {**broker.settings, "queue": queue, "prefetch": PREFETCH, "service": "x"}
    return taken(made(JmsChannel, settings), CONSUMED)


class StompPeer:
    """Bare stomp.py."""

    def __init__(self, broker: ActiveMQ) -> None:
        self._broker = broker

    def _connected(self, listener: stomp.ConnectionListener) -> stomp.StompConnection12:
        connection = stomp.StompConnection12([("127.0.0.1", self._broker.port)])
        connection.set_listener("", listener)
        connection.connect(self._broker.username, self._broker.password, wait=True)
        return connection

    def fill(self, queue: str, count: int) -> None:
        """Put messages into a queue."""
        self._broker.send(f"/queue/{queue}", BODY, count)

    def full(self) -> str:
        """Return the name of a queue of its own with all messages."""
        queue = uuid.uuid4().hex
        self.fill(queue, CONSUMED)
        return queue

    @contextmanager
    def sending(self, queue: str) -> Iterator[Callable[[], object]]:
        """A call that sends a message, and waits for the receipt."""
        confirmed = threading.Semaphore(0)
        listener = stomp.ConnectionListener()
        listener.on_receipt = lambda frame: confirmed.release()
        connection = self._connected(listener)

        def send() -> None:
            connection.send(
                f"/queue/{queue}",
                BODY,
                headers={"persistent": "true", "hansaCid": uuid.uuid4().hex},
                receipt=uuid.uuid4().hex,
            )
            if not confirmed.acquire(timeout=LIMIT):
                raise TimeoutError

        yield send
        connection.disconnect()

    def consume(self) -> Taken:
        """Take messages, and acknowledge each once it was counted."""
        queue = self.full()
        counting = Counting(CONSUMED)
        listener = stomp.ConnectionListener()
        connection = self._connected(listener)

        def received(frame: Any) -> None:
            counting.count()
            connection.ack(frame.headers["ack"])

        listener.on_message = received
        connection.subscribe(
            f"/queue/{queue}",
            "1",
            ack="client-individual",
            headers={"activemq.prefetchSize": f"{PREFETCH}"},
        )
        found = counting.taken()
        connection.disconnect()
        return found


class ProtonPeer:
    """Bare Qpid Proton."""

    def __init__(self, broker: RabbitAmqp) -> None:
        self._broker = broker
        self._address = f"amqp://guest:guest@127.0.0.1:{broker.port}"

    def fill(self, queue: str, count: int) -> None:
        """Make a queue with so many messages."""
        self._broker.make(queue)
        with self._broker.broker() as channel:
            for _ in range(count):
                channel.basic_publish("", queue, BODY, pika.BasicProperties(delivery_mode=2))

    def full(self) -> str:
        """Return the name of a queue of its own with all messages."""
        queue = uuid.uuid4().hex
        self.fill(queue, CONSUMED)
        return queue

    @contextmanager
    def sending(self, queue: str) -> Iterator[Callable[[], object]]:
        """A call that sends a message, and waits for its outcome."""
        connection = BlockingConnection(self._address, timeout=LIMIT, allowed_mechs="PLAIN")
        sender = connection.create_sender(f"/amq/queue/{queue}")
        try:
            yield lambda: sender.send(
                Message(
                    BODY, inferred=True, durable=True, properties={"hansaCid": uuid.uuid4().hex}
                )
            )
        finally:
            connection.close()

    def consume(self) -> Taken:
        """Take messages, and accept each once it was counted."""
        counting = Counting(CONSUMED)
        queue = self.full()
        Container(_Taking(f"{self._address}/amq/queue/{queue}", counting)).run()
        return counting.taken()


class _Taking(MessagingHandler):
    """Takes messages until it has all of them."""

    def __init__(self, address: str, counting: Counting) -> None:
        super().__init__(prefetch=PREFETCH)
        self._address = address
        self._counting = counting

    def on_start(self, event: Any) -> None:
        """Subscribe."""
        host, _, queue = self._address.partition("/amq/")
        connection = event.container.connect(host, allowed_mechs="PLAIN")
        event.container.create_receiver(connection, f"/amq/{queue}")

    def on_message(self, event: Any) -> None:
        """Count; it is accepted afterwards."""
        if self._counting.count():
            event.connection.close()


if __name__ == "__main__":
    from .measure import table

    print(table(list(jms(Path()))))
