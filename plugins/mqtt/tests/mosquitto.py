"""Mosquitto for the tests: a listener for anybody, one with a login, one with TLS."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as mqtt
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers import RealServer
from paho.mqtt.enums import CallbackAPIVersion

from plugins.ftp.tests.servers import certificate


class Mosquitto(RealServer):
    """A broker that writes its sessions to disk when it is stopped, not when it is killed.

    `acl` are the lines of what `hansa` may do, if there are any; `largest` is a limit on packets.
    """

    name, package, programs = "mosquitto", "mosquitto", ("mosquitto", "mosquitto_passwd")
    port_names = ("main", "guarded", "tls")

    def __init__(self, *, acl: str = "", largest: int = 0) -> None:
        super().__init__()
        self.acl = acl
        self.largest = largest
        self.password = secrets.token_urlsafe(12)

    def prepare(self) -> None:
        self.pem = self.write("server.pem", certificate("127.0.0.1"))

    @classmethod
    def version(cls) -> str:
        return "2"

    def command(self) -> list[str]:
        self.write("passwords", "")
        self.write("acl", self.acl)
        tool = self.program("mosquitto_passwd")
        self.run([tool, "-b", f"{self.folder}/passwords", "hansa", self.password])
        lines = [
            "per_listener_settings true",
            f"listener {self.ports['main']} 127.0.0.1",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {self.folder}/",
            f"listener {self.ports['guarded']} 127.0.0.1",
            f"password_file {self.folder}/passwords",
            *([f"acl_file {self.folder}/acl"] if self.acl else []),
            f"listener {self.ports['tls']} 127.0.0.1",
            "allow_anonymous true",
            f"certfile {self.pem}",
            f"keyfile {self.pem}",
            "max_queued_messages 100000",
            *([f"max_packet_size {self.largest}"] if self.largest else []),
        ]
        path = self.write("mosquitto.conf", "\n".join(lines) + "\n")
        return [self.program("mosquitto"), "-c", str(path)]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        return {
            "host": "127.0.0.1",
            "port": self.ports["guarded"],
            "username": "hansa",
            "password": self.password,
        }

    def clear(self) -> None:
        """Forget nothing: each test has topics and client identifiers of its own."""

    # -- the other side ----------------------------------------------------------------------------

    @contextmanager
    def client(self, **options: Any) -> Iterator[mqtt.Client]:
        """A bare client that is connected, without login."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, **options)
        connected = threading.Event()
        client.on_connect = lambda *about: connected.set()
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            assert connected.wait(10)
            yield client
        finally:
            client.disconnect()
            client.loop_stop()

    def send(self, topic: str, *bodies: bytes, qos: int = 1, **options: Any) -> None:
        """Publish; returns when the broker has all of it."""
        with self.client() as client:
            sent = [client.publish(topic, body, qos, **options) for body in bodies]
            for one in sent:
                one.wait_for_publish(20)
                assert one.is_published()

    @contextmanager
    def reading(self, topic: str, qos: int = 1) -> Iterator[list[mqtt.MQTTMessage]]:
        """The messages that come to a topic from now on."""
        found: list[mqtt.MQTTMessage] = []
        subscribed = threading.Event()
        with self.client() as client:
            client.on_message = lambda client, data, message: found.append(message)
            client.on_subscribe = lambda *about: subscribed.set()
            client.subscribe(topic, qos)
            assert subscribed.wait(10)
            yield found

    def retained(self, topic: str) -> bytes:
        """The retained message of a topic."""
        with self.reading(topic) as found:
            wait_until(lambda: found, 10, "a retained message")
            return bytes(found[0].payload)
