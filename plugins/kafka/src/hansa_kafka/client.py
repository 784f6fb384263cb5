"""What both types share: how they connect to a cluster, and what its errors mean."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from hansa import HansaError, Unavailable
from hansa_connect.login import LoggedIn
from hansa_connect.remedies import CHECK_LOGIN, advised, remedy_of

from .settings import BrokerSettings

if TYPE_CHECKING:
    from confluent_kafka import KafkaError
    from confluent_kafka.admin._metadata import ClusterMetadata

ClientSettings: TypeAlias = dict[str, Any]
"""Settings of librdkafka, by its names."""
SLICE = 0.1
"""Seconds that a request may wait before errors are looked at."""
LEAST_TIMEOUT = 2000
"""Milliseconds; librdkafka keeps a fetch open for half a second of it."""
LOG = logging.getLogger("hansa.kafka.client")
# librdkafka logs every attempt to connect; the state of the object says it once
LOG.setLevel(logging.CRITICAL)

BrokerT = TypeVar("BrokerT", bound=BrokerSettings)
MadeT = TypeVar("MadeT")


class Client(Protocol):
    """What producers and consumers of confluent_kafka have in common here."""

    def list_topics(self, topic: str = ..., timeout: float = ...) -> ClusterMetadata:
        """Ask the cluster for its topics."""

    def poll(self, timeout: float) -> object:
        """Have callbacks called that are due."""


class Troubles:
    """Collects what a client reports beside its answers; called in its `poll`."""

    def __init__(self) -> None:
        self.cause: KafkaError | None = None
        self.all_down = False

    def __call__(self, error: KafkaError) -> None:
        """Note an error."""
        from confluent_kafka import KafkaError

        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.all_down = True
        else:
            self.cause = error

    def clear(self) -> None:
        """Forget what was noted."""
        self.cause = None
        self.all_down = False


class ClusterConnection(LoggedIn[BrokerT]):
    """Mixed into both types: the settings of clients, and whether the cluster answers."""

    login_means = ("password", "certificate")

    def client_settings(self) -> ClientSettings:
        """Return the settings of librdkafka for this definition; the names are its own."""
        config = self.connection_config
        sasl = bool(config.username)
        protocol = ("sasl_" if sasl else "") + ("ssl" if config.tls else "plaintext")
        found: ClientSettings = {
            "bootstrap.servers": config.bootstrap,
            "client.id": f"hansa {self.kind} {self.name}",
            "security.protocol": protocol,
            "socket.timeout.ms": max(LEAST_TIMEOUT, round(config.timeout * 1000)),
            "socket.connection.setup.timeout.ms": max(1000, round(config.connect_timeout * 1000)),
            "socket.keepalive.enable": True,
            "logger": LOG,
        }
        if sasl:
            found["sasl.mechanism"] = config.mechanism.upper()
            found["sasl.username"] = config.username
            found["sasl.password"] = str(config.password or "")
        if config.tls:
            found |= _tls_settings(config)
        return found

    def ask(self, client: Client, troubles: Troubles, topic: str = "") -> ClusterMetadata:
        """Return what the cluster says of its topics, or of one; raises `Unavailable`.

        It fails as soon as no broker can be reached or logged in to, and after `connect_timeout`.
        """
        from confluent_kafka import KafkaException

        troubles.clear()
        deadline = time.monotonic() + self.config.connect_timeout
        while True:
            try:
                if topic:
                    return client.list_topics(topic, timeout=SLICE)
                return client.list_topics(timeout=SLICE)
            except KafkaException as error:
                client.poll(0)
                if troubles.all_down or time.monotonic() > deadline:
                    raise self.unavailable(troubles.cause or error.args[0]) from None

    def unavailable(self, error: KafkaError) -> Unavailable:
        """Return what to raise for an error of the library; the cause is its text."""
        fault = f"the cluster at {self.config.bootstrap}: {describe(error)}"
        return Unavailable(advised(fault, self._remedy_of(error)))

    def _remedy_of(self, error: KafkaError) -> str:
        from confluent_kafka import KafkaError

        code = error.code()
        if code in (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED):
            return f"{CHECK_LOGIN}, and mechanism"
        if code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
            return "check the setting username: the user needs permissions for topic and group"
        if code == KafkaError.INVALID_SESSION_TIMEOUT:
            return "check the setting session_timeout: brokers allow 6 s to 30 min by default"
        if code == KafkaError.INCONSISTENT_GROUP_PROTOCOL:
            return "check the setting assignment: other members of the group have another"
        if code == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            return "check the setting username: the user needs permissions in the cluster"
        connecting = (
            KafkaError._SSL,
            KafkaError._TRANSPORT,
            KafkaError._RESOLVE,
            KafkaError._TIMED_OUT,
        )
        return self._remedy_of_address() if code in connecting else ""

    def _remedy_of_address(self) -> str:
        """Connect once more without the library, which does not say what exactly was wrong."""
        config = self.connection_config
        address, _, port = config.bootstrap.split(",")[0].rpartition(":")
        try:
            with socket.create_connection((address, int(port)), config.connect_timeout) as raw:
                context = config.context()
                if context is not None:
                    context.wrap_socket(raw, server_hostname=address).close()
        except OSError as error:
            return remedy_of(error, tls=config.tls)
        if not config.tls:
            return "if the brokers expect TLS there, set tls to true"
        return ""


def _tls_settings(config: BrokerSettings) -> ClientSettings:
    found: ClientSettings = {"ssl.endpoint.identification.algorithm": "https"}
    config.context()  # raises for files that cannot be read, by their names
    if config.tls_ca:
        found["ssl.ca.location"] = config.tls_ca
    if config.tls_certificate:
        found["ssl.certificate.location"] = config.tls_certificate
        found["ssl.key.location"] = config.tls_key
    return found


def describe(error: KafkaError) -> str:
    """Return the text of an error on one line."""
    return " ".join(str(error.str()).split())


def made(make: Callable[[], MadeT]) -> MadeT:
    """Return what a constructor of the library makes; raises `Unavailable` for what it refuses."""
    from confluent_kafka import KafkaException

    try:
        return make()
    except HansaError:
        raise
    except KafkaException as error:
        raise Unavailable(f"the client refuses its settings: {describe(error.args[0])}") from None
