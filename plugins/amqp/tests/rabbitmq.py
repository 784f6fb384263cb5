"""RabbitMQ as a real server for tests, and its other side: queues filled and read with bare pika."""

from __future__ import annotations

import contextlib
import functools
import glob
import logging
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pika
from hansa import spawn
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers import RealServer

logging.getLogger("pika").setLevel(logging.CRITICAL)  # `ready` asks until it is there
CONFIG = """
listeners.tcp.1 = 127.0.0.1:{amqp}
log.file.level = warning
"""
TLS = """
listeners.ssl.1 = 127.0.0.1:{tls}
ssl_options.cacertfile = {folder}/ca.pem
ssl_options.certfile = {folder}/certificate.pem
ssl_options.keyfile = {folder}/key.pem
"""


class RabbitMQ(RealServer):
    """A node with an epmd of its own; guest may log in from 127.0.0.1. It speaks TLS if
    `certificates` has its three files.
    """

    name, package = "rabbitmq", "rabbitmq-server"
    programs = ("rabbitmq-server", "rabbitmqctl", "epmd")
    port_names = ("amqp", "tls", "cluster", "epmd")
    certificates: dict[str, str] = {}

    def __init__(self) -> None:
        super().__init__()
        self.epmd: subprocess.Popen[bytes] | None = None

    @classmethod
    @functools.cache
    def program(cls, name: str) -> str:
        # those of /usr/sbin change to the user rabbitmq and start what the distribution has set up
        found = sorted(glob.glob(f"/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/{name}"))
        return found[-1] if found else super().program(name)

    @classmethod
    def version(cls) -> str:
        return Path(cls.program("rabbitmq-server")).parent.parent.name.rpartition("-")[2]

    def prepare(self) -> None:
        config = CONFIG + (TLS if self.certificates else "")
        self.write("rabbitmq.conf", config.format(folder=self.folder, **self.ports))
        self.write("enabled_plugins", "[].\n")
        for name, content in self.certificates.items():
            self.write(name, content)

    def environment(self) -> dict[str, str]:
        own = str(self.folder)
        return {
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.ports["cluster"]),
            "ERL_EPMD_PORT": str(self.ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": own,
            "RABBITMQ_LOG_BASE": own,
            "RABBITMQ_CONFIG_FILE": f"{own}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{own}/enabled_plugins",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RUNNING_UNDER_SYSTEMD": "true",  # no shell between us and the node, which would outlive us
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def command(self) -> list[str]:
        return [self.program("rabbitmq-server")]

    def launch(self) -> None:
        if self.epmd is None:  # else the node starts one that outlives it
            command = [
                self.program("epmd"),
                "-port",
                str(self.ports["epmd"]),
                "-address",
                "127.0.0.1",
            ]
            self.epmd = spawn(
                command, death_signal=signal.SIGKILL, stdin=subprocess.DEVNULL, **self._user
            )
        super().launch()

    def ready(self) -> bool:
        try:
            with self.broker():
                return True
        except pika.exceptions.AMQPError:
            return False

    def close(self) -> None:
        super().close()
        if self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait()

    # -- the other side ----------------------------------------------------------------------------

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl."""
        return self.run([self.program("rabbitmqctl"), "-q", *arguments])

    @contextlib.contextmanager
    def broker(self) -> Iterator[Any]:
        """A channel of bare pika."""
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port))
        try:
            yield connection.channel()
        finally:
            if connection.is_open:
                connection.close()

    def make(self, *queues: str, type: str = "classic") -> None:
        """New, empty, durable queues, that live on when the broker is killed."""
        with self.broker() as channel:
            for queue in queues:
                channel.queue_delete(queue)
                channel.queue_declare(queue, durable=True, arguments={"x-queue-type": type})
        if type == "quorum":
            wait_until(lambda: self._registered(queues), 10, "the quorum queues are on the disk")

    def _registered(self, queues: Sequence[str]) -> bool:
        # RabbitMQ 3.10 confirms a new quorum queue, and messages in it, up to a second before it
        # has written down which folder is the queue's;
        # killed before that, it makes another folder, and the queue never has a leader again
        names = b"".join(file.read_bytes() for file in self.folder.glob("*/quorum/*/names.dets"))
        return all(queue.encode() in names for queue in queues)

    def send(self, queue: str, *bodies: bytes, **properties: Any) -> None:
        """Put messages into a queue; returns when the broker has them."""
        with self.broker() as channel:
            channel.confirm_delivery()
            for body in bodies:
                made = pika.BasicProperties(**{"delivery_mode": 2, **properties})
                channel.basic_publish("", queue, body, made, mandatory=True)

    def read(self, queue: str) -> list[Any]:
        """Take all messages out of a queue, as (method, properties, body)."""
        found = []
        with self.broker() as channel:
            while (message := channel.basic_get(queue, auto_ack=True))[0] is not None:
                found.append(message)
        return found

    def count(self, queue: str) -> int:
        """How many messages are ready in a queue."""
        with self.broker() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)
