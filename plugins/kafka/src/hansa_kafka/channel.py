"""The channel kafka: consumes topics as a member of a consumer group."""

from __future__ import annotations

import heapq
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from hansa import Outcome, TooLarge, Unavailable
from hansa_connect.attempts import message_digest
from hansa_connect.delivery import Delivery, essential_headers
from hansa_connect.handling import HandlingChannel

from .client import ClusterConnection
from .outbound import Outgoing
from .settings import ConsumptionSettings

if TYPE_CHECKING:
    from .group import Group
    from .messages import Work
    from .partitions import Partition
    from .producing import Producing


class KafkaChannel(ClusterConnection[ConsumptionSettings], HandlingChannel[ConsumptionSettings]):
    """Consumes topics as a member of a consumer group.

    The messages of a partition are handled in their order; the offset is committed once the service
    has handled a message, or the cluster has it as a dead letter.
    """

    type = "kafka"

    _group: Group | None = None
    _dead_letters: Producing[ConsumptionSettings] | None = None
    _reader: threading.Thread | None = None

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Join the group and begin to receive; raises if the cluster is not there, or a topic."""
        # a worker that does without Kafka saves the memory of the library
        from .group import Group
        from .producing import Producing

        self._prepare()
        self.is_lost = False
        self._dead_lock = threading.Lock()
        self._due: list[tuple[float, int, Delivery]] = []
        self._dead_letters = Producing(self)
        self._dead_opened = False
        self._group = Group(self, self._stopping)
        try:
            self._group.join()
        except BaseException:
            self.is_lost = True
            raise
        self._start_workers()
        self._reader = self._start_thread("reader", self._read)

    def stop(self) -> None:
        """Finish what was begun, commit, and leave the group."""
        reader = self._reader
        self._reader = None
        if self._group is None:
            return
        self._stopping.set()
        if reader is not None:
            self._end_reader(reader)
        self._stop_workers()
        for thread in self._threads:
            # without a cluster nobody waits for the answer of a service
            while thread.is_alive() and thread is not reader and not self.is_lost:
                thread.join(0.1)
        self._stop_workers()  # again: a message may have turned out to be a suspect meanwhile
        self._group.leave()
        if self._dead_letters is not None:
            self._dead_letters.close()

    def lost(self, error: BaseException) -> None:
        """Report that the cluster is gone."""
        self.is_lost = True
        super().lost(error)

    @property
    def group(self) -> Group:
        """This member of the group; raises `Unavailable` before `start`."""
        if self._group is None:
            raise Unavailable(f"{self.kind} {self.type} {self.name!r} is not started")
        return self._group

    # -- in the reader -----------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            while not self._stopping.is_set():
                self.group.receive()
                self._take_due()
        except Exception as error:
            if not self._stopping.is_set():
                self.lost(error)

    def _take_due(self) -> None:
        """Have messages handled whose pause is over."""
        with self.group.lock:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                delivery = heapq.heappop(self._due)[2]
                self.take(delivery)

    # -- in the threads that handle ----------------------------------------------------------------

    def _handle(self, delivery: Delivery) -> None:
        work: Work = delivery.properties
        with self.group.lock:
            if work.partition.dropped:
                self.group.release(work.partition)
                return
            work.partition.begun = True
        super()._handle(delivery)

    def _call_suspect(self, delivery: Delivery) -> tuple[Outcome, BaseException | None]:
        return self._call_counted(delivery, self._digest(delivery))

    def _finished(self, delivery: Delivery) -> None:
        if delivery.redelivered or delivery.attempt > 1:
            self._attempts.forget(self._digest(delivery))
        self.group.finished(delivery.properties)

    def _try_later(self, delivery: Delivery, error: BaseException | None, delay: float) -> None:
        self.log.info("%s: attempt %d failed: %s", delivery.cid, delivery.attempt, error)
        if delivery.redelivered:
            delivery.attempt = 1  # all attempts are counted in the records
        else:
            self._attempts.count(self._digest(delivery))
            delivery.attempt += 1
        work: Work = delivery.properties
        with self.group.lock:
            work.partition.failed = True
            work.partition.begun = False
            if work.partition.dropped:
                self.group.release(work.partition)
            else:
                entry = (time.monotonic() + delay, id(delivery), delivery)
                heapq.heappush(self._due, entry)

    def _give_back(self, delivery: Delivery) -> None:
        work: Work = delivery.properties
        with self.group.lock:
            self.group.release(work.partition)

    def _give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        work: Work = delivery.properties
        if len(work.messages) > 1:
            self.log.info("%s: its messages are handled one by one", delivery.cid)
            self._attempts.forget(self._digest(delivery))
            self.group.split(work)
            return
        self._bury(delivery, error)
        self._finished(delivery)

    def _bury(self, delivery: Delivery, error: BaseException | None) -> None:
        """Publish a dead letter, with as many headers as the cluster takes."""
        headers = delivery.failure_headers(error, self.name)
        try:
            self._publish_dead(delivery, headers)
        except TooLarge as refused:
            self.log.warning("%s: its headers are left out: %s", delivery.cid, refused)
            try:
                self._publish_dead(delivery, essential_headers(headers), bare=True)
            except TooLarge:
                topic = self.config.dead_letters_of(delivery.properties.partition.topic)
                raise Unavailable(
                    f"the topic {topic!r} takes no message of {len(delivery.body)} bytes: "
                    "raise its max.message.bytes, or name another by dead_letter_topic"
                ) from None

    def _publish_dead(
        self, delivery: Delivery, headers: dict[object, object], bare: bool = False
    ) -> None:
        from .messages import dead_headers

        (message,) = delivery.properties.messages
        pairs = dead_headers(message, headers)
        if bare:
            pairs = [(name, value) for name, value in pairs if name in headers]
        topic = self.config.dead_letters_of(message.topic())
        key = message.key()
        dead = Outgoing(topic, message.value(), key, pairs)
        self._opened_dead_letters().publish([dead], self.config.timeout)

    def _opened_dead_letters(self) -> Producing[ConsumptionSettings]:
        """Return the producer of dead letters, which is opened for the first of them."""
        with self._dead_lock:
            producing = self._dead_letters
            assert producing is not None
            if not self._dead_opened:
                producing.open()
                producing.begin()
                self._dead_opened = True
            return producing

    def _digest(self, delivery: Delivery) -> str:
        work: Work = delivery.properties
        return message_digest(b"", work.partition.name, delivery.tag, len(work.messages))

    # -- for the group -----------------------------------------------------------------------------

    def hand(self, partition: Partition) -> None:
        """Have the next messages of a partition handled, if there are any; called under the lock."""
        from .messages import Work, delivery_of

        config = self.config
        messages = partition.next(config.batch or 1, config.max_body)
        if messages:
            suspect = partition.is_suspect(messages[0])
            work = Work(partition, messages, listed=bool(config.batch))
            self.take(delivery_of(work, suspect))

    def forget_due(self, partitions: set[Partition]) -> None:
        """Drop messages that wait for another attempt, of partitions that go; under the lock."""
        by_fate = defaultdict(list)
        for entry in self._due:
            by_fate[entry[2].properties.partition in partitions].append(entry)
        self._due = by_fate[False]
        heapq.heapify(self._due)
        for entry in by_fate[True]:
            self.group.release(entry[2].properties.partition)

    def own(self, partition: Partition) -> None:
        """Note that this worker has a partition; one that nobody let go was lost with its owner."""
        partition.suspect = self._attempts.count(_owned(partition)) > 1

    def disown(self, partition: Partition) -> None:
        """Note that a partition was let go, with nothing begun in it that is not done."""
        self._attempts.forget(_owned(partition))


def _owned(partition: Partition) -> str:
    return f"{partition.name} owned"
