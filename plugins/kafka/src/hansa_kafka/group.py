"""A member of a consumer group: joins, receives, commits what is done, and lets partitions go."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from hansa import HansaError

from .admission import INTERVAL, Admission
from .client import ClientSettings, Troubles, describe, made
from .messages import Work
from .partitions import Partition
from .positions import Positions
from .topics import ensure

if TYPE_CHECKING:
    from confluent_kafka import Message

    from .channel import KafkaChannel

POLL = 0.05
"""Seconds that the reader waits for a message before it looks for something else to do."""
MOST = 500
"""Messages that are taken from the library at once."""
LOST_WAIT = 2.0
"""Seconds that the library gets to close when the cluster is lost."""
FULL_WAIT = 0.2
"""Seconds that the reader waits for room before partitions are paused, which costs a new fetch."""
_PASSING = frozenset(
    (
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._WAIT_COORD,
        KafkaError._NO_OFFSET,
        KafkaError._DESTROY,
        KafkaError._STATE,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError._ASSIGNMENT_LOST,
        KafkaError._PARTITION_EOF,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.OFFSET_OUT_OF_RANGE,
    )
)
"""Errors after which the library goes on by itself; whether the cluster answers is asked apart."""


class Group:
    """A member of a consumer group. `lock` guards its partitions, whose work ends in any thread."""

    def __init__(self, channel: KafkaChannel, stopping: threading.Event) -> None:
        self.channel = channel
        self.config = channel.config
        self.lock = threading.RLock()
        self._stopping = stopping
        self._changed = threading.Condition(self.lock)
        self._troubles = Troubles()
        self._partitions: dict[tuple[str, int], Partition] = {}
        self._committing = False
        self._heard = time.monotonic()
        self._consumer: Consumer | None = None
        self._cooperative = self.config.assignment == "cooperative-sticky"

    # -- life --------------------------------------------------------------------------------------

    def join(self) -> None:
        """Connect, see that the topics are there, and subscribe; raises `Unavailable`."""
        config = self.config
        session = round(config.session_timeout * 1000)
        patience = config.session_timeout + config.revoke_wait
        settings: ClientSettings = {
            **self.channel.client_settings(),
            "group.id": config.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",  # also where the group's offset is gone: nothing is skipped
            "partition.assignment.strategy": config.assignment,
            "session.timeout.ms": session,
            "heartbeat.interval.ms": min(3000, session // 3),
            "allow.auto.create.topics": False,
            "fetch.queue.backoff.ms": 10,
            "error_cb": self._troubles,
            "on_commit": self._committed,
            "statistics.interval.ms": round(INTERVAL * 1000),
            "stats_cb": Admission(config.group, patience, self.channel.trouble),
        }
        consumer = self._consumer = made(partial(Consumer, settings))
        found = self.channel.ask(consumer, self._troubles)
        wanted = dict.fromkeys(config.topics, "topics")
        for topic in config.topics:
            wanted[config.dead_letters_of(topic)] = "dead_letter_topic"
        ensure(wanted, found, config, self.channel.client_settings())
        self._positions = Positions(self.channel, consumer)
        consumer.subscribe(
            config.topics,
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )

    def leave(self) -> None:
        """Commit what is done and leave; what was not handled is delivered to other members."""
        consumer = self._consumer
        if consumer is None:
            return
        self._consumer = None
        with self.lock:
            partitions = list(self._partitions.values())
            self._partitions.clear()
            self._drop(partitions)
        self._commit_now(consumer, partitions)
        self._close(consumer)

    def _close(self, consumer: Consumer) -> None:
        """Leave the group, which has the others assign its partitions anew."""
        if not self.channel.is_lost:
            consumer.close()
            return
        # without a cluster the library may wait until that is back
        name = f"kafka {self.channel.name} leaves"
        closing = threading.Thread(target=consumer.close, name=name, daemon=True)
        closing.start()
        closing.join(LOST_WAIT)
        if closing.is_alive():
            self.channel.log.info("the connections are closed once the cluster is back")

    # -- in the reader -----------------------------------------------------------------------------

    def receive(self) -> None:
        """Take what the cluster has delivered, and hand out what is next; raises when it is lost."""
        consumer = self._consumer
        if consumer is None:
            return
        first = consumer.poll(POLL)
        if first is not None:
            more = consumer.consume(MOST - 1, 0)
            self._take([first, *more])
        cause = self._troubles.cause
        if cause is not None and cause.fatal():
            raise self.channel.unavailable(cause)
        now = time.monotonic()
        if first is not None:
            self._heard = now
        # a cluster that has gone silent is not reported by the library while nothing is sent
        if self._troubles.all_down or now > self._heard + self.config.session_timeout:
            self.channel.ask(consumer, self._troubles, self.config.topics[0])
            self._heard = time.monotonic()
        self.commit()
        self._keep_room(consumer)

    def _take(self, messages: Iterable[Message]) -> None:
        with self.lock:
            touched = set()
            for message in messages:
                error = message.error()
                if error is not None:
                    self._judge(error)
                    continue
                found = self._partitions.get((message.topic() or "", message.partition() or 0))
                if found is not None and not found.dropped:
                    found.add(message)
                    touched.add(found)
            for each in touched:
                self.channel.hand(each)

    def _judge(self, error: KafkaError) -> None:
        """Raise what the library cannot get over by itself."""
        if error.fatal() or error.code() not in _PASSING:
            raise self.channel.unavailable(error)
        self.channel.log.info("the consumer goes on after: %s", describe(error))

    def _keep_room(self, consumer: Consumer) -> None:
        """Wait while a partition has more than enough, then pause it; resume what has room."""
        most = self.config.prefetch
        with self.lock:
            if self._full(most):
                self._changed.wait_for(
                    lambda: not self._full(most) or self._stopping.is_set(), FULL_WAIT
                )
            pause = self._full(most)
            resume = [
                each
                for each in self._partitions.values()
                if each.paused and len(each.ready) <= most // 2
            ]
            for each in pause:
                each.paused = True
            for each in resume:
                each.paused = False
        if pause:
            consumer.pause(_named(pause))
        if resume:
            consumer.resume(_named(resume))

    def _full(self, most: int) -> list[Partition]:
        return [
            each
            for each in self._partitions.values()
            if len(each.ready) >= most and each.busy and not each.paused and not each.dropped
        ]

    # -- rebalances, in the thread that polls ------------------------------------------------------

    def _assigned(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        begin = self._positions.of(assigned)
        for each in assigned:
            partition = Partition(each.topic, each.partition, suspect=False)
            self.channel.own(partition)
            with self.lock:
                self._partitions[each.topic, each.partition] = partition
        if self._cooperative:
            consumer.incremental_assign(begin)
        else:
            consumer.assign(begin)

    def _revoked(self, consumer: Consumer, revoked: list[TopicPartition]) -> None:
        gone = self._pick(revoked)
        with self.lock:
            self._drop(gone)
            self._changed.wait_for(
                lambda: self.channel.is_lost or not any(each.busy for each in gone),
                self.config.revoke_wait,
            )
        self._commit_now(consumer, gone)
        self._unassign(consumer, revoked)

    def _lost(self, consumer: Consumer, lost: list[TopicPartition]) -> None:
        """Others have the partitions already: what is done here cannot be committed."""
        gone = self._pick(lost)
        with self.lock:
            self._drop(gone)
        self._unassign(consumer, lost)

    def _pick(self, named: list[TopicPartition]) -> list[Partition]:
        with self.lock:
            found = [self._partitions.pop((each.topic, each.partition), None) for each in named]
        return [each for each in found if each is not None]

    def _drop(self, partitions: list[Partition]) -> None:
        """Begin nothing more of partitions that go."""
        for each in partitions:
            each.dropped = True
            each.ready.clear()
        self.channel.forget_due(set(partitions))

    def _unassign(self, consumer: Consumer, named: list[TopicPartition]) -> None:
        try:
            if self._cooperative:
                consumer.incremental_unassign(named)
            else:
                consumer.unassign()
        except KafkaException as error:  # the consumer is being closed, which does it
            self.channel.log.debug("not unassigned: %s", error)

    # -- what was handled, in any thread -----------------------------------------------------------

    def finished(self, work: Work) -> None:
        """Note that messages were handled or given up, and go on with their partition."""
        with self.lock:
            partition = work.partition
            partition.finished(work.messages)
            self.channel.hand(partition)
            self._changed.notify_all()

    def split(self, work: Work) -> None:
        """Have messages handled one by one that failed together."""
        with self.lock:
            if work.partition.dropped:
                self.release(work.partition)
            else:
                work.partition.split(work.messages)
                self.channel.hand(work.partition)

    def release(self, partition: Partition) -> None:
        """Note that nothing of a partition is in hand any more; called under the lock."""
        partition.busy = False
        self._changed.notify_all()

    # -- commits -----------------------------------------------------------------------------------

    def commit(self) -> None:
        """Commit what is done, unless that is under way.

        Called by the reader alone: the library may block for ever if another thread commits while
        one polls.
        """
        consumer = self._consumer
        with self.lock:
            due = self._due(self._partitions.values())
            if self._committing or not due or consumer is None:
                return
            self._committing = True
        try:
            consumer.commit(offsets=due, asynchronous=True)
        except (KafkaException, RuntimeError) as error:  # RuntimeError: it is closed
            self._committing = False
            self.channel.log.info("not committed: %s", error)

    def _committed(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """Take the answer to a commit; called by the library while the reader polls."""
        with self.lock:
            self._committing = False
            if error is not None:
                self._judge(error)
                return
            for each in offsets:
                partition = self._partitions.get((each.topic, each.partition))
                if partition is not None and each.error is None:
                    partition.committed = max(partition.committed, each.offset)
                    self.channel.hand(partition)

    def _commit_now(self, consumer: Consumer, partitions: list[Partition]) -> None:
        """Commit partitions that go and wait for it; those with nothing begun are let go."""
        with self.lock:
            due = self._due(partitions)
        try:
            if due and not self.channel.is_lost:
                consumer.commit(offsets=due, asynchronous=False)
        except KafkaException as error:
            self.channel.log.warning(
                "the last messages come again, they were not committed: %s", error
            )
        for each in partitions:
            if not (each.begun or each.failed):
                try:
                    self.channel.disown(each)
                except HansaError as error:
                    self.channel.log.warning("%s: not noted as let go: %s", each.name, error)

    def _due(self, partitions: Iterable[Partition]) -> list[TopicPartition]:
        return [
            TopicPartition(each.topic, each.number, each.done)
            for each in partitions
            if each.done > each.committed
        ]


def _named(partitions: Iterable[Partition]) -> list[TopicPartition]:
    return [TopicPartition(each.topic, each.number) for each in partitions]
