"""The channel mqtt: subscribes to topics of an MQTT broker such as Mosquitto."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hansa import Guarantee, Request
from hansa_connect.delays import Delayed
from hansa_connect.delivery import Delivery, Headers, essential_headers
from hansa_connect.pulling import PullingChannel

from .broker import BrokerConnection
from .settings import SubscriptionSettings

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage
    from paho.mqtt.properties import Properties

LOGGED = 200
"""Bytes of a message that is given up which are written to the log."""
RETAIN_HANDLING = {"always": 0, "new": 1, "never": 2}
"""The numbers of MQTT 5 (section 3.8.3.1)."""
PATIENCE = 0.25
"""The part of `keep_alive` for which a message of QoS 0 waits for room."""


@dataclass(slots=True, eq=False)
class MqttDelivery(Delivery):
    """A message of a topic; its user properties and what MQTT says of it are headers."""

    topic: str = ""

    def request(self) -> Request:
        """Return what the service gets."""
        headers = {name.lower(): str(value) for name, value in self.headers.items()}
        about = {
            "mqtt-topic": self.topic,
            "mqtt-qos": str(self.extra["qos"]),
            "mqtt-retain": str(self.extra["retain"]).lower(),
        }
        return Request(
            self.body,
            headers={**headers, **about},
            extra={**self.extra, "origin": self.origin},
            cid=self.cid,
            attempt=self.attempt,
        )


class MqttChannel(BrokerConnection[SubscriptionSettings], PullingChannel[SubscriptionSettings]):
    """Receives the messages of MQTT topics, each confirmed once its service has handled it.

    One worker of the cluster subscribes. A message that its service cannot handle is tried again,
    and after `max_attempts` published to `dead_letter_topic`.
    """

    type = "mqtt"
    placement = "cluster"
    exclusive = True  # two connections with one client identifier throw each other out

    @classmethod
    def delivery_of(cls, config: SubscriptionSettings) -> Guarantee:
        """Return at least once; at most once with QoS 0, or if no session outlives a connection."""
        lasting = config.qos > 0 and not config.clean_start
        return "at_least_once" if lasting else "at_most_once"

    @property
    def client_id(self) -> str:
        """The client identifier: the one that is set, or one made of the names."""
        cluster = self.server.cluster.name
        return self.config.client_id or f"hansa-{cluster}-{self.name}"

    def connect(self) -> None:
        """Connect, and subscribe."""
        config = self.config
        self._arrived = threading.Condition()
        self._arrivals: deque[MQTTMessage] = deque()
        self._delayed = Delayed()
        self._dropped = 0
        connection = self.open_connection(
            self.client_id,
            clean=config.clean_start,
            expiry=0 if config.clean_start else config.session_expiry,
            at_most=config.prefetch,
            on_message=self._receive,
        )
        self._subscribe(connection.session_present)

    def _subscribe(self, session_present: bool) -> None:
        """Subscribe, and give up what the session had subscribed to before an edit."""
        config = self.config
        records = self.server.records("mqtt")
        key = f"{self.client_id}@{config.host}:{config.port}"
        before = (records.read(key) or b"").decode() if session_present else ""
        if before and before != config.filter:
            self.connection.unsubscribe(before)
        # with 3.1.1 each subscription brings the retained messages again
        known = before == config.filter and config.version != "5"
        if not known or config.retained == "always":
            handling = RETAIN_HANDLING[config.retained]
            self.connection.subscribe(config.filter, config.qos, handling)
        if not config.clean_start:
            records.write(key, config.filter.encode())

    def disconnect(self) -> None:
        """Close the connection; what was not confirmed comes again, the session being kept."""
        self.close_connection()
        if self._dropped:
            self.log.warning("%d messages of QoS 0 found no room and are lost", self._dropped)

    # -- the source --------------------------------------------------------------------------------

    def _receive(self, message: MQTTMessage) -> None:
        """Take a message; in the thread of the client."""
        with self._arrived:
            if message.qos == 0 and not self._has_room():
                self._dropped += 1
                if self._dropped.bit_count() == 1:  # each time that the number has doubled
                    self.log.warning(
                        "%d messages of QoS 0 found no room and are lost: raise pool and prefetch",
                        self._dropped,
                    )
                return
            self._arrivals.append(message)
            self._arrived.notify_all()

    def _has_room(self) -> bool:
        """Wait a little until there is room for a message that the broker will not keep."""
        limit = self.config.prefetch
        seconds = self.config.keep_alive * PATIENCE

        def has_room() -> bool:
            # while the channel ends, what came before the last answer is taken in
            return len(self._arrivals) < limit or self._stopping.is_set()

        return self._arrived.wait_for(has_room, seconds)

    def fetch(self, limit: int, wait: float) -> Iterable[Delivery]:
        """Return messages that have arrived, or are due again."""
        ends = time.monotonic() + wait
        with self._arrived:
            while True:
                found = self._delayed.due(limit)
                while self._arrivals and len(found) < limit:
                    found.append(self._delivery(self._arrivals.popleft()))
                left = ends - time.monotonic()
                if found or left <= 0 or self._stopping.is_set():
                    self._arrived.notify_all()
                    return found
                self._arrived.wait(self._delayed.seconds(left))

    def delivers_again(self, delivery: Delivery) -> bool:
        """Return whether the session keeps it: from QoS 1 on, and if it outlives a connection."""
        return bool(delivery.tag.qos) and not self.config.clean_start

    def cancel(self) -> None:
        """Have the broker answer: what it has sent before has come by then.

        Not unsubscribed: of a session that lasts, that would lose messages.
        """
        self.connection.ping()

    def unfetched(self) -> Iterable[Delivery]:
        """Take out what has come, and what waits for another attempt; the session keeps the rest."""
        with self._arrived:
            found = [self._delivery(message) for message in self._arrivals]
            self._arrivals.clear()
        found = [*self._delayed.all(), *found]
        return [delivery for delivery in found if not self.delivers_again(delivery)]

    def wake(self) -> None:
        """Have `fetch` return."""
        with self._arrived:
            self._arrived.notify_all()

    def _delivery(self, message: MQTTMessage) -> Delivery:
        # paho-mqtt is imported by then
        from .properties import seen, user_properties

        fault = ""
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
            fault = "its topic is not UTF-8"
        pairs = user_properties(message.properties)
        headers: Headers = dict(pairs)
        extra = {
            "topic": topic,
            "qos": message.qos,
            "retain": message.retain,
            "redelivered": message.dup,
            "user_properties": pairs,
            "properties": seen(message.properties),
        }
        return MqttDelivery(
            message,
            bytes(message.payload),
            headers,
            redelivered=message.dup,
            origin={"topic": topic},
            identity=f"{topic} {message.qos} {message.mid if message.qos else id(message)}",
            extra=extra,
            fault=fault,
            topic=topic,
        )

    def acknowledge(self, delivery: Delivery) -> None:
        """Send PUBACK or PUBREC; nothing for QoS 0."""
        self.connection.confirm(delivery.tag)

    def put_back(self, delivery: Delivery, delay: float) -> None:
        """Have a message be tried again; the broker keeps it until it is confirmed."""
        self._delayed.put(delivery, delay)
        self.wake()

    def give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        """Write a message to the log, publish it where dead letters go, and confirm it."""
        config = self.config
        self.log.error(
            "%s: a message of %r is given up after attempt %d: %s; it begins with %r",
            delivery.cid,
            delivery.origin["topic"],
            delivery.attempt,
            error,
            delivery.body[:LOGGED],
        )
        if config.dead_letter_topic:
            self._bury(delivery, error)
        self.connection.confirm(delivery.tag)

    def _bury(self, delivery: Delivery, error: BaseException | None) -> None:
        """Publish a dead letter, with as much of its properties as the broker has room for."""
        topic, body = self.config.dead_letter_topic, delivery.body
        for properties in self._dead_properties(delivery, error):
            if self.connection.fits(topic, body, 1, properties):
                retain, timeout = self.config.dead_letter_retain, self.config.timeout
                self.connection.publish(topic, body, 1, retain, properties, timeout)
                return
        # it would come again for ever, and be as large each time
        self.log.error(
            "%s: no dead letter: with dead_letter_topic the message is larger than the broker takes",
            delivery.cid,
        )

    def _dead_properties(
        self, delivery: Delivery, error: BaseException | None
    ) -> Iterator[Properties | None]:
        """Yield the properties of a dead letter: all, the few that say why, and none."""
        from .properties import of_message

        if self.config.version == "5":
            failed = delivery.failure_headers(error, self.name)
            headers = {
                name: "\n".join(value) if isinstance(value, list) else str(value)
                for name, value in failed.items()
            }
            given = {"content_type": None, "response_topic": None, "correlation_data": None}
            known = delivery.extra["properties"]
            few = dict(given)
            if isinstance(known, dict):
                given = {name: known.get(name) for name in given}
            yield of_message(headers, expiry=None, **given)
            yield of_message(essential_headers(headers), expiry=None, **few)
        yield None
