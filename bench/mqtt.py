"""MQTT: messages published and consumed at QoS 1, against bare paho-mqtt on the same Mosquitto."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from hansa_mqtt.channel import MqttChannel
from hansa_mqtt.outgoing import MqttOutgoing
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from plugins.mqtt.tests.mosquitto import Mosquitto
from plugins.mqtt.tests.support import made

from .measure import Figure
from .messages import BODY, Counting, Taken, compared, repeated, started, taken

COUNT = 1500
"""Messages in one run."""


def mqtt_(folder: Path) -> Iterator[Figure]:
    """MQTT messages published and consumed, against bare paho-mqtt."""
    with Mosquitto() as broker:
        with started(made(MqttOutgoing, broker, topic="bench/out")) as outgoing:
            with broker.client() as client:
                yield from compared(
                    "MQTT: publish 1,500 messages of 200 bytes at QoS 1, one after another",
                    "paho-mqtt",
                    lambda: repeated(lambda: outgoing.publish(BODY), COUNT),
                    lambda: repeated(lambda: bare_publish(client), COUNT),
                )
        yield from compared(
            "MQTT: consume 1,500 messages of 200 bytes at QoS 1",
            "paho-mqtt",
            lambda: consume(broker),
            lambda: bare_consume(broker),
        )


def bare_publish(client: mqtt.Client) -> None:
    """Publish with a user property, as Hansa does, and wait for the confirmation."""
    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.UserProperty = [("x-hansa-cid", uuid.uuid4().hex)]
    client.publish("bench/out", BODY, 1, properties=properties).wait_for_publish(20)


def consume(broker: Mosquitto) -> Taken:
    """What a channel takes from its session."""
    names: Any = {
        "topic": f"bench/{uuid.uuid4().hex}",
        "client_id": uuid.uuid4().hex,
        "service": "x",
    }
    with started(made(MqttChannel, broker, **names)):
        pass  # from now on the broker keeps what comes
    broker.send(names["topic"], *[BODY] * COUNT)
    return taken(made(MqttChannel, broker, **names), COUNT)


def bare_consume(broker: Mosquitto) -> Taken:
    """The same by a client that confirms each message once it was counted."""
    counting = Counting(COUNT)
    topic, identifier = f"bench/{uuid.uuid4().hex}", uuid.uuid4().hex
    for last in (False, True):
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, identifier, protocol=mqtt.MQTTv5, manual_ack=True
        )
        expiry: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        expiry.SessionExpiryInterval, expiry.ReceiveMaximum = 600, 20
        subscribed = Counting(2 if not last else COUNT)

        def received(client: mqtt.Client, data: object, message: mqtt.MQTTMessage) -> None:
            counting.count()
            client.ack(message.mid, message.qos)

        client.on_message = received
        client.on_subscribe = lambda *about, found=subscribed: found.count() or found.count()
        client.connect("127.0.0.1", broker.port, clean_start=False, properties=expiry)
        client.loop_start()
        try:
            if last:
                return counting.taken()
            client.subscribe(topic, 1)
            subscribed.taken()
        finally:
            client.disconnect()
            client.loop_stop()
        broker.send(topic, *[BODY] * COUNT)
    raise AssertionError


if __name__ == "__main__":
    from .measure import table

    print(table(list(mqtt_(Path()))))
