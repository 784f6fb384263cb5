"""The outgoing connection mqtt: publishes messages to an MQTT broker such as Mosquitto."""

from __future__ import annotations

import time
from collections.abc import Mapping

from hansa import Invalid, Outgoing, current_cid, new_cid, trace_headers

from .broker import BrokerConnection
from .settings import PublishingSettings, QoS
from .topics import topic_fault


class MqttOutgoing(BrokerConnection[PublishingSettings], Outgoing[PublishingSettings]):
    """Publishes messages and waits for confirmation: `self.outgoing.mqtt["name"].publish("text")`.

    Safe in many threads.
    """

    type = "mqtt"

    def start(self) -> None:
        """Connect; raises what the broker refuses."""
        # every worker has a connection of its own, and an edit has two for a moment
        base = self.config.client_id or f"hansa-{self.name}"
        self.open_connection(f"{base}-{new_cid()}")

    def stop(self) -> None:
        """Close the connection."""
        self.close_connection()

    def ping(self) -> str:
        """Have the broker answer and return how long it took.

        Raises `Unavailable` or `TimedOut`.
        """
        began = time.perf_counter()
        self.connection.ping()
        milliseconds = (time.perf_counter() - began) * 1000
        return f"answered in {milliseconds:.1f} ms"

    def publish(
        self,
        message: str | bytes,
        topic: str = "",
        timeout: float = 0,
        *,
        qos: QoS | None = None,
        retain: bool | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        expiry: int | None = None,
    ) -> None:
        """Publish a message and wait until the broker has confirmed it.

        Topic, `qos`, `retain` and `timeout` (seconds) are those of the settings if not given. With
        `qos` 0 nothing is confirmed: the call returns when the message is sent. `headers` are user
        properties; they, and what follows, need MQTT 5. `expiry` is seconds.

        Raises `Invalid` for what cannot be sent, by name, and for a message that the broker refuses
        as such, `Unavailable` if the broker cannot be reached or does not take the message, and
        `TimedOut`; after the last two it may have arrived all the same.
        """
        # paho-mqtt is imported by then
        from .properties import message_faults, of_message, only_in_mqtt_5

        config = self.config
        topic = topic or config.topic
        given = {
            "content_type": content_type,
            "response_topic": response_topic,
            "correlation_data": correlation_data,
            "expiry": expiry,
        }
        own = {} if headers is None else headers
        body = _body(message)
        _check(topic, self.config.qos if qos is None else qos, message_faults(own, **given))
        if config.version == "5":
            cid = current_cid.get()
            known = {"x-hansa-cid": new_cid() if cid == "-" else cid, **trace_headers()}
            properties = of_message(
                {**known, **own}, content_type, response_topic, correlation_data, expiry
            )
        else:
            only_in_mqtt_5(headers=own, **given)
            properties = None
        with self.observed():
            self.connection.publish(
                topic,
                body,
                config.qos if qos is None else qos,
                config.retain if retain is None else retain,
                properties,
                timeout or config.timeout,
            )


def _body(message: object) -> bytes:
    """Return the bytes of a message; raises `Invalid` for what is neither bytes nor text."""
    if isinstance(message, bytes):
        return message
    if not isinstance(message, str):
        raise Invalid(f"a message is text or bytes, not {type(message).__name__}")
    try:
        return message.encode()
    except UnicodeEncodeError as error:
        raise Invalid("the message has characters that UTF-8 does not have") from error


def _check(topic: object, qos: object, faults: Mapping[str, str]) -> None:
    """Refuse what MQTT cannot carry, all faults at once; raises `Invalid`."""
    found = dict(faults)
    fault = topic_fault(topic)
    if fault:
        found["topic"] = fault
    if isinstance(qos, bool) or qos not in (0, 1, 2):
        found["qos"] = "must be 0, 1 or 2"
    if found:
        text = "; ".join(f"{name} {fault}" for name, fault in found.items())
        raise Invalid(found, f"the message cannot be sent: {text}")
