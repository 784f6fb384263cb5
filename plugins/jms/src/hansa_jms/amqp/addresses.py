"""Destinations as addresses of AMQP: which prefix a broker wants, and what it calls queues and topics.

JMS maps a destination to an address and its kind; brokers that tell kinds by the address say in the
properties of a connection which prefixes they want ("AMQP JMS Mapping", destinations).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..broker_socket import Refused
from ..destinations import destination_of
from ..settings import BrokerSettings

KINDS = ("queue", "topic", "temporary-queue", "temporary-topic")
"""Capabilities of a terminus, by the number that messages have for them."""
_BEGINNINGS = {
    "/queue/": 0,
    "/topic/": 1,
    "/temp-queue/": 2,
    "/temp-topic/": 3,
    "/remote-temp-queue/": 2,
    "/remote-temp-topic/": 3,
}
_WRITTEN = ("/queue/", "/topic/", "/remote-temp-queue/", "/remote-temp-topic/")
_OF_RABBITMQ = ("/queue/", "/topic/")
"""Prefixes of RabbitMQ 3, which makes a queue that is not there."""
_OF_ACTIVEMQ = ("queue://", "topic://", "temp-queue://", "temp-topic://")


@dataclass(frozen=True, slots=True)
class Address:
    """An address, and the number of its kind in `KINDS`."""

    text: str
    kind: int


class Addresses:
    """The addresses of one broker: `told` are the properties of the connection to it."""

    def __init__(self, broker: BrokerSettings, told: Mapping[str, object]) -> None:
        self.is_rabbitmq = told.get("product") == "RabbitMQ"
        usual = ("", "")
        if self.is_rabbitmq and str(told.get("version")).startswith("3."):
            usual = _OF_RABBITMQ
        self.prefixes = (
            broker.queue_prefix or str(told.get("queue-prefix") or usual[0]),
            broker.topic_prefix or str(told.get("topic-prefix") or usual[1]),
        )

    def of(self, destination: str) -> Address:
        """Return the address of a destination such as `/queue/orders`.

        Raises `Refused` for one that the broker would damage.
        """
        written = destination_of(destination)
        beginning = max((each for each in _BEGINNINGS if written.startswith(each)), key=len)
        kind = _BEGINNINGS[beginning]
        name = written.removeprefix(beginning)
        if self.is_rabbitmq and not name.isascii():
            raise Refused(f"RabbitMQ takes names in ASCII alone for AMQP, not {name!r}")
        return Address(name if kind > 1 else self.prefixes[kind] + name, kind)

    def destination(self, address: str, kind: int | None = None) -> str:
        """Return the destination with an address; empty for none.

        Without a `kind`, that of the prefix that it begins with, else a queue.
        """
        if not address:
            return ""
        found, name = self._divided(address)
        if kind is None or kind not in range(len(_WRITTEN)):
            kind = found or 0
        return _WRITTEN[kind] + (address if kind > 1 else name)

    def _divided(self, address: str) -> tuple[int | None, str]:
        known = [*enumerate(self.prefixes), *enumerate(_OF_ACTIVEMQ)]
        for kind, prefix in known:
            if prefix and address.startswith(prefix):
                return kind, address.removeprefix(prefix)
        return None, address
