"""Where a member of a group begins in its partitions: the offsets of the group, or a position.

A group without an offset begins at `start_at`; `seek` moves it once for each value. The offset that
was found is committed before anything is consumed, so that what comes while nobody consumes is not
skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException, TopicPartition

from .settings import moment

if TYPE_CHECKING:
    from .channel import KafkaChannel


class Positions:
    """Where the partitions of a channel begin."""

    def __init__(self, channel: KafkaChannel, consumer: Consumer) -> None:
        self._config = channel.config
        self._log = channel.log
        self._consumer = consumer
        self._records = channel.server.records("kafka seek")
        self._owner = f"{channel.name} {channel.config.group}"

    def of(self, assigned: list[TopicPartition]) -> list[TopicPartition]:
        """Return partitions with the offset to begin at, which is the group's if it says nothing."""
        return [self._begin(each) for each in assigned]

    def _begin(self, partition: TopicPartition) -> TopicPartition:
        config = self._config
        record = f"{self._owner} {partition.topic}/{partition.partition}"
        if config.seek and self._records.read(record) != config.seek.encode():
            found = self._at(partition, config.seek)
            if self._commit(found):
                self._records.write(record, config.seek.encode())
            return found
        if config.start_at == "earliest" or self._has_offset(partition):
            return partition
        found = self._at(partition, config.start_at)
        self._commit(found)
        return found

    def _at(self, partition: TopicPartition, position: str) -> TopicPartition:
        timeout = self._config.timeout
        named = TopicPartition(partition.topic, partition.partition)
        low, high = self._consumer.get_watermark_offsets(named, timeout=timeout)
        time = moment(position)
        if time is None:
            named.offset = high if position == "latest" else low
            return named
        named.offset = round(time.timestamp() * 1000)
        (found,) = self._consumer.offsets_for_times([named], timeout=timeout)
        if found.offset < 0:  # nothing is as late as that
            found.offset = high
        return found

    def _has_offset(self, partition: TopicPartition) -> bool:
        (found,) = self._consumer.committed([partition], timeout=self._config.timeout)
        return found.offset >= 0

    def _commit(self, found: TopicPartition) -> bool:
        try:
            self._consumer.commit(offsets=[found], asynchronous=False)
        except KafkaException as error:
            self._log.warning(
                "%s begins at %d, which is not committed: %s", found.topic, found.offset, error
            )
            return False
        self._log.info("%s/%d begins at offset %d", found.topic, found.partition, found.offset)
        return True
