"""The outgoing connection kafka: publishes messages to topics, each acknowledged."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import hansa
from hansa import Invalid, TooLarge, Unavailable, current_cid, new_cid, trace_headers

from .client import ClientSettings, ClusterConnection
from .outbound import HeaderList, Outgoing, Position
from .settings import PublishingSettings, topic_fault
from .topics import ensure

if TYPE_CHECKING:
    from .producing import Producing


@dataclass(slots=True)
class KafkaMessage:
    """A message for `publish_all`: value, key, headers, and the partition if the key does not say."""

    value: str | bytes | None
    key: str | bytes | None = None
    headers: Mapping[str, object] = field(default_factory=dict)
    partition: int | None = None


class KafkaOutgoing(ClusterConnection[PublishingSettings], hansa.Outgoing[PublishingSettings]):
    """Publishes messages and waits for acknowledgement: `self.outgoing.kafka["name"].publish("x")`.

    Safe in many threads.
    """

    type = "kafka"

    _producing: Producing[PublishingSettings] | None = None

    @property
    def producing(self) -> Producing[PublishingSettings]:
        """The producer; raises `Unavailable` before `start`."""
        if self._producing is None:
            raise Unavailable(f"{self.kind} {self.type} {self.name!r} is not started")
        return self._producing

    def start(self) -> None:
        """Connect; raises if the cluster is not there, or the topic."""
        # a worker that does without Kafka saves the memory of the library
        from .producing import Producing

        config = self.config
        more: ClientSettings = {
            "compression.type": config.compression,
            "linger.ms": config.linger * 1000,
        }
        self._producing = Producing(self, more)
        self._producing.open()
        found = self.ask(self._producing.producer, self._producing.troubles)
        if config.topic:
            ensure({config.topic: "topic"}, found, config, self.client_settings())
        self._producing.begin()

    def stop(self) -> None:
        """Wait for what is on its way, and close the connections."""
        if self._producing is not None:
            self._producing.close()

    def ping(self) -> str:
        """Have the cluster answer and return how long it took.

        Raises `Unavailable`.
        """
        from .client import Troubles

        began = time.perf_counter()
        self.ask(self.producing.producer, Troubles(), self.config.topic)
        return f"answered in {(time.perf_counter() - began) * 1000:.1f} ms"

    def publish(
        self,
        message: str | bytes | None,
        key: str | bytes | None = None,
        *,
        topic: str = "",
        headers: Mapping[str, object] | None = None,
        partition: int | None = None,
        timeout: float = 0,
    ) -> Position:
        """Publish a message, and return where it is once all in-sync replicas have it.

        Messages of one key keep their order in one partition; `partition` chooses one all the same.
        None is a message without a value, which deletes its key in a compacted topic. Topic and
        `timeout` (seconds in all) are those of the settings if not given. Raises `Invalid` for what
        cannot be sent, `TooLarge`, `Unavailable` if the cluster is not reached or there is no such
        topic, and `TimedOut`; after the last two it may have arrived all the same.
        """
        made = KafkaMessage(message, key, headers or {}, partition)
        (position,) = self.publish_all([made], topic=topic, timeout=timeout)
        return position

    def publish_all(
        self,
        messages: Iterable[KafkaMessage | str | bytes],
        *,
        topic: str = "",
        timeout: float = 0,
    ) -> list[Position]:
        """Publish messages together and return where each is once all are acknowledged.

        Faster than one by one. Raises as `publish` does, and `Invalid` before any is sent; after
        `Unavailable`, `TimedOut` and `TooLarge` some of them may have arrived.
        """
        target = topic or self.config.topic
        # that of the settings was checked with them
        fault = "" if target and target == self.config.topic else topic_fault(target)
        if fault:
            raise Invalid({"topic": fault if target else "the settings name none: give one"})
        cid = current_cid.get()
        own = {"x-hansa-cid": new_cid() if cid == "-" else cid, **trace_headers()}
        ready = [self._prepared(one, target, own) for one in messages]
        with self.observed():
            return self.producing.publish(ready, timeout or self.config.timeout)

    def _prepared(
        self, message: KafkaMessage | str | bytes, topic: str, own: Mapping[str, object]
    ) -> Outgoing:
        if not isinstance(message, KafkaMessage):
            message = KafkaMessage(message)
        value = _bytes("message", message.value)
        if value is not None and len(value) > self.config.max_body:
            limit = self.config.max_body
            raise TooLarge(f"the message has {len(value)} bytes; max_body is {limit}")
        headers = _headers({**own, **message.headers} if message.headers else own)
        key = _bytes("key", message.key)
        return Outgoing(topic, value, key, headers, _partition(message.partition))


def _partition(given: int | None) -> int:
    """Return a partition as the library has it; raises `Invalid`."""
    if given is None:
        return -1
    if isinstance(given, bool) or not isinstance(given, int) or given < -1:
        raise Invalid({"partition": "must be a whole number from 0"})
    return given


def _headers(headers: Mapping[str, object]) -> HeaderList:
    """Return headers as Kafka has them; raises `Invalid` for what is neither text nor bytes."""
    found: HeaderList = []
    faults = {}
    for name, value in headers.items():
        try:
            if not isinstance(name, str):
                raise Invalid("the name must be text")
            found.append((name, _bytes("the value", value)))
        except Invalid as error:
            faults[f"headers.{name}"] = str(error)
    if faults:
        raise Invalid(faults)
    return found


def _bytes(what: str, value: object) -> bytes | None:
    """Return the bytes of a text; raises `Invalid` for what is neither bytes nor text nor None."""
    if value is None or isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise Invalid(f"{what} must be text or bytes, not {type(value).__name__}")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{what} has characters that UTF-8 does not have") from None
