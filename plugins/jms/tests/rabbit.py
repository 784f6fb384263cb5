"""RabbitMQ, which speaks AMQP 1.0 by its plugin, and its other side: a client of Proton of its own.

It offers tests what `activemq.ActiveMQ` does, with the same answers.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

import pika
import proton
from hansa_devkit.harness.waiting import wait_until
from proton import Message, byte, int32, symbol
from proton.reactor import LinkOption
from proton.utils import BlockingConnection

from plugins.amqp.tests.rabbitmq import RabbitMQ
from plugins.ftp.tests.servers import certificate

logging.getLogger("proton").setLevel(logging.WARNING)  # each event is a line
KIND = symbol("x-opt-jms-msg-type")
REPLY_KIND = symbol("x-opt-jms-reply-to")
KINDS = {"text": 5, "bytes": 3, "map": 2}
NAMES = {value: name for name, value in KINDS.items()}
ITEMS: dict[str, Callable[[str], object]] = {
    "int": lambda text: int32(int(text)),
    "bool": lambda text: text == "true",
    "double": float,
    "bytes": str.encode,
    "str": str,
}


class RabbitAmqp(RabbitMQ):
    """A node that speaks AMQP 1.0, with and without TLS."""

    def __init__(self) -> None:
        super().__init__()
        self.username = "hansa"
        self.password = secrets.token_hex(9)

    def prepare(self) -> None:
        pem = certificate("127.0.0.1")
        self.certificates = dict.fromkeys(("ca.pem", "certificate.pem", "key.pem"), pem)
        super().prepare()
        self.pem = self.folder / "ca.pem"
        self.write("enabled_plugins", "[rabbitmq_amqp1_0].\n")
        users = {"guest": "guest", self.username: self.password}
        definitions = self.write("definitions.json", json.dumps(_definitions(users)))
        config = (self.folder / "rabbitmq.conf").read_text()
        self.write("rabbitmq.conf", f"{config}load_definitions = {definitions}\n")

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        return {
            "protocol": "amqp",
            "host": "127.0.0.1",
            "port": self.port,
            "username": self.username,
            "password": self.password,
        }

    # -- the other side ----------------------------------------------------------------------------

    def _connection(self) -> BlockingConnection:
        address = f"amqp://guest:guest@127.0.0.1:{self.port}"
        return BlockingConnection(address, timeout=30, allowed_mechs="PLAIN")

    def send(  # type: ignore[override] # as the client in Java, and not by another protocol
        self, destination: str, body: str | bytes, /, count: int = 1, **more: str
    ) -> None:
        """Send text or bytes; `{}` in a text is the number of the message."""
        kind = "bytes" if isinstance(body, bytes) else "text"
        written = body.hex() if isinstance(body, bytes) else body
        self.send_kind(destination, kind, written, count, **more)

    def send_kind(
        self, destination: str, kind: str, body: str, /, count: int = 1, **more: str
    ) -> None:
        """Send a message of any type."""
        bodies = [body.replace("{}", str(number)) for number in range(count)]
        self.send_all(destination, kind, bodies, **more)

    def send_all(self, destination: str, kind: str, bodies: Iterable[str], /, **more: str) -> None:
        """Send messages over one connection."""
        connection = self._connection()
        try:
            sender = connection.create_sender(destination, options=_Durable())
            for body in bodies:
                sender.send(_message(kind, body, more))
        finally:
            connection.close()

    def read(
        self, destination: str, most: int = 1000, patience: float = 0.4
    ) -> list[dict[str, str]]:
        """Take messages; what is not a property begins with a dot."""
        found: list[dict[str, str]] = []
        connection = self._connection()
        try:
            receiver = connection.create_receiver(destination, credit=1, options=_Durable())
            while len(found) < most:
                try:
                    message = receiver.receive(timeout=patience if found else max(patience, 5))
                except proton.Timeout:
                    break
                found.append(_told(message))
                receiver.accept()
        finally:
            connection.close()
        return found

    def count(self, queue: str) -> int:
        """How many messages are in a queue."""
        with self.broker() as channel:
            try:
                return int(channel.queue_declare(queue, passive=True).method.message_count)
            except pika.exceptions.ChannelClosedByBroker:
                return 0

    def ready_for(self, queue: str) -> None:
        """Wait until somebody receives from a queue."""

        def consumed() -> bool:
            with self.broker() as channel:
                return bool(channel.queue_declare(queue, passive=True).method.consumer_count)

        wait_until(consumed, 20)


def _definitions(users: dict[str, str]) -> dict[str, Any]:
    """Return what a node makes when it starts; by `rabbitmqctl`, it would take some seconds."""
    salt = secrets.token_bytes(4)
    every = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "vhosts": [{"name": "/"}],
        "users": [
            {
                "name": name,
                "password_hash": b64encode(
                    salt + sha256(salt + password.encode()).digest()
                ).decode(),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "administrator",
            }
            for name, password in users.items()
        ],
        "permissions": [{"user": name, "vhost": "/", **every} for name in users],
    }


class _Durable(LinkOption):
    """Queues that the plugin makes stay when the broker is killed."""

    def apply(self, link: proton.Link) -> None:
        terminus = link.source if link.is_receiver else link.target
        if not str(terminus.address).startswith("/topic/"):
            terminus.durability = proton.Terminus.CONFIGURATION


def _message(kind: str, body: str, more: dict[str, str]) -> Message:
    made: Any = Message(durable=True, id=f"ID:{time.time_ns()}", creation_time=time.time())
    made.annotations = {KIND: byte(KINDS[kind])}
    if kind == "bytes":
        made.inferred = True
        made.body = bytes.fromhex(body)
    elif kind == "map":
        parts = [pair.split("=", 2) for pair in body.split("&")]
        made.body = {name: ITEMS[type](value) for name, type, value in parts}
    else:
        made.body = body
    made.properties = {}
    for name, value in more.items():
        if name == "reply_":
            made.reply_to = value.removeprefix("/queue/")
            made.annotations[REPLY_KIND] = byte(0)
        elif name == "live_":
            made.ttl = int(value) / 1000
            made.expiry_time = time.time() + made.ttl
        elif name == "priority_":
            made.priority = int(value)
        elif name.endswith("_"):
            setattr(made, {"correlation_": "correlation_id", "type_": "subject"}[name], value)
        else:
            made.properties[name] = int32(int(value[1:])) if value.startswith("#") else value
    return made


def _told(message: Any) -> dict[str, str]:
    body = message.body
    kind = NAMES[message.annotations[KIND]]
    found = {".kind": kind, ".id": str(message.id), ".type": str(message.subject)}
    if isinstance(body, dict):
        for name, value in body.items():
            found[f".map.{name}"] = _java(value)
    else:
        found[".body"] = body if isinstance(body, str) else bytes(body).hex()
    found[".correlation"] = str(message.correlation_id)
    reply = message.reply_to
    found[".reply"] = f"queue://{reply.rpartition('/')[2]}" if reply else "null"
    found[".priority"] = str(message.priority)
    found[".expires"] = str(round(message.expiry_time * 1000))
    found[".persistent"] = str(message.durable).lower()
    for name, value in (message.properties or {}).items():
        found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    if message.group_id:
        found["JMSXGroupID"] = message.group_id
    return found


def _java(value: object) -> str:
    """Return type and value as Java would show them."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"Boolean {str(value).lower()}"
    if isinstance(value, int32):
        return f"Integer {int(value)}"
    if isinstance(value, int):
        return f"Long {value}"
    if isinstance(value, float):
        return f"Double {value}".replace("1e+22", "1.0E22")
    return f"String {value}"
