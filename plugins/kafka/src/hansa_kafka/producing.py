"""A producer that acknowledges: messages handed over together, and waited for until brokers have them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic

from confluent_kafka import KafkaError, KafkaException, Message as Report, Producer
from hansa import HansaError, Invalid, TimedOut, TooLarge, Unavailable

from .client import BrokerT, ClientSettings, ClusterConnection, Troubles, describe, made
from .outbound import Outgoing, Position
from .waits import Waits, Waking

POLL = 0.1
"""Seconds between two looks at errors, and at acknowledgements that nobody waits for any more."""
FULL_WAIT = 0.01
"""Seconds between two tries to hand over a message while the library's queue is full."""
CLOSE_WAIT = 1.0
"""Seconds that what is still on its way gets when the cluster is lost."""


class Pending(Waking):
    """The acknowledgements that one call waits for."""

    __slots__ = ("_left", "error", "positions")

    def __init__(self, count: int) -> None:
        super().__init__()
        self.positions: list[Position | None] = [None] * count
        self.error: KafkaError | None = None
        self._left = count

    @property
    def complete(self) -> bool:
        """Whether all have come."""
        return not self._left

    def delivered(self, index: int, error: KafkaError | None, report: Report) -> None:
        """Note what became of a message; called by whoever polls."""
        if error is None:
            place = Position(report.topic() or "", report.partition() or 0, report.offset() or 0)
            self.positions[index] = place
        elif self.error is None:
            self.error = error
        self._left -= 1
        if not self._left:
            self.wake()


class Producing(Generic[BrokerT]):
    """An idempotent producer of one object, with the thread that looks at its errors.

    Safe in many threads, which take the acknowledgements while they wait for them. `lost` is called
    once the cluster is gone, or the producer cannot go on.
    """

    def __init__(
        self, owner: ClusterConnection[BrokerT], more: ClientSettings | None = None
    ) -> None:
        self.owner = owner
        self.troubles = Troubles()
        self._more = more or {}
        self._producer: Producer | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lost = False
        self._waits = Waits(self._take, POLL)

    @property
    def producer(self) -> Producer:
        """The producer of the library; raises `Unavailable` before `open`."""
        if self._producer is None:
            raise Unavailable(f"{self.owner.kind} {self.owner.type} {self.owner.name!r}: not open")
        return self._producer

    def open(self) -> None:
        """Make the producer; does not connect yet."""
        timeout = round(self.owner.config.timeout * 1000)
        settings: ClientSettings = {
            **self.owner.client_settings(),
            "enable.idempotence": True,
            "allow.auto.create.topics": False,
            "message.timeout.ms": timeout,
            "request.timeout.ms": min(timeout, 300_000),
            "topic.metadata.propagation.max.ms": min(timeout // 2, 5000),
            "message.max.bytes": 1_000_000_000,
            "linger.ms": 0,
            "error_cb": self.troubles,
            **self._more,
        }
        self._producer = made(partial(Producer, settings))

    def begin(self) -> None:
        """Begin to look at errors, in a thread of its own."""
        name = f"{self.owner.type} {self.owner.name} errors"
        thread = threading.Thread(target=self._watch, name=name, daemon=True)
        thread.start()
        self._thread = thread

    def close(self) -> None:
        """Wait for what is on its way, as long as the cluster is there, and close the connections.

        May be called more than once, and if it was never opened.
        """
        producer = self._producer
        self._producer = None
        if producer is None:
            return
        if self._thread is not None:
            wait = CLOSE_WAIT if self._lost else self.owner.config.timeout
            self._finally(partial(producer.flush, wait))
            self._stopping.set()
            self._thread.join()
        self._waits.end()
        self._waits.join(CLOSE_WAIT)
        self._finally(producer.purge)
        self._finally(partial(producer.flush, CLOSE_WAIT))
        self._finally(producer.close)

    def _finally(self, step: Callable[[], object]) -> None:
        """Take one step of closing; after a fatal error the library raises it again and again."""
        try:
            step()
        except Exception as error:
            self.owner.log.info("while the producer was closed: %s", error)

    def publish(self, messages: Sequence[Outgoing], timeout: float) -> list[Position]:
        """Return where messages were stored, in their order, once all in-sync replicas have them.

        Raises `TimedOut`, `Unavailable`, after both of which some may have arrived, and `Invalid`
        for what the cluster refuses as such.
        """
        deadline = time.monotonic() + timeout
        pending = Pending(len(messages))
        for index, message in enumerate(messages):
            self._hand_over(message, partial(pending.delivered, index), deadline)
        if not self._waits.wait(pending, deadline):
            raise self._late(timeout)
        if pending.error is not None:
            raise self._fault(pending.error, messages[0].topic, timeout)
        return [position for position in pending.positions if position is not None]

    def _hand_over(
        self,
        message: Outgoing,
        report: Callable[[KafkaError | None, Report], None],
        deadline: float,
    ) -> None:
        while True:
            try:
                self.producer.produce(
                    message.topic,
                    message.value,
                    message.key,
                    message.partition,
                    on_delivery=report,
                    timestamp=message.timestamp,
                    headers=message.headers or None,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    raise self._late(self.owner.config.timeout) from None
                if not self._waits.ask_once(FULL_WAIT):
                    time.sleep(FULL_WAIT)
            except KafkaException as error:
                raise self._fault(error.args[0], message.topic, 0.0) from None
            else:
                return

    def _late(self, timeout: float) -> TimedOut:
        where = self.owner.config.bootstrap
        return TimedOut(
            f"the cluster at {where} has not acknowledged within {timeout:g} s, the limit that "
            "the setting timeout sets"
        )

    def _fault(self, error: KafkaError, topic: str, timeout: float) -> HansaError:
        """Return what to raise for a message that was not stored."""
        code = error.code()
        if code == KafkaError._MSG_TIMED_OUT:
            return self._late(timeout)
        if code == KafkaError.MSG_SIZE_TOO_LARGE:
            return TooLarge(f"the message is larger than the topic {topic!r} allows")
        if code == KafkaError._UNKNOWN_PARTITION:
            return Invalid({"partition": f"the topic {topic!r} does not have it"})
        if code in (KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG, KafkaError._INVALID_ARG):
            return Invalid(f"the cluster refuses the message: {describe(error)}")
        if code in (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART):
            return Unavailable(f"there is no topic {topic!r}; create it, or set declare to true")
        return self.owner.unavailable(error)

    def _take(self, seconds: float) -> None:
        """Have acknowledgements noted that come within so many seconds."""
        producer = self._producer
        try:
            if producer is None:
                self._waits.end()
            else:
                producer.poll(seconds)
        except Exception as error:  # the library raises a fatal error in several ways
            where = self.owner.config.bootstrap
            fault = f"the cluster at {where}: the producer cannot go on: {error}"
            self._give_up(Unavailable(fault))

    def _watch(self) -> None:
        while not self._stopping.wait(POLL):
            self._waits.ask_once(0)
            try:
                self._look()
            except HansaError as error:
                self._give_up(error)

    def _look(self) -> None:
        """Raise `Unavailable` if the cluster is gone."""
        producer = self._producer
        cause = self.troubles.cause
        if cause is not None and cause.fatal():
            raise self.owner.unavailable(cause)
        if self.troubles.all_down and producer is not None:
            self.owner.ask(producer, self.troubles)

    def _give_up(self, error: HansaError) -> None:
        """Have core replace the object; what is on its way is told when it is closed."""
        self._lost = True
        self._waits.end()
        self._stopping.set()
        self.owner.lost(error)
