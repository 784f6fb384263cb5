"""One connection to a broker, over AMQP 1.0: sends, and waits for the outcome."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Mapping
from itertools import count

import proton
from proton import Delivery, Link, Sender, Terminus

from ..broker_socket import Refused
from ..settings import BrokerSettings
from ..wire import Outbound, Received
from .addresses import KINDS, Address
from .engine import AmqpEngine, reason_of
from .writing import copied_message, outgoing_message

LINKS = 16
"""Destinations that a connection keeps links to, at most."""
_MAY_BE_MISSING = "/amq/queue/"
"""Addresses of RabbitMQ 3 for queues that it does not make."""


class AmqpConnection(AmqpEngine):
    """A connection with a link for each destination that it sends to."""

    def __init__(self, broker: BrokerSettings, client_id: str = "", heartbeat: float = 0.0) -> None:
        super().__init__(broker, client_id, heartbeat)
        self._senders: OrderedDict[Address, Sender] = OrderedDict()
        self._tags = count(1)

    def send(self, message: Outbound) -> None:
        """Send a message, and return once the broker has it.

        Raises `TooLarge`, `Refused` and `Unavailable`.
        """
        written = outgoing_message(message, self._addresses)
        self._send(str(message.options.destination), written)

    def send_copy(
        self, message: Received, properties: Mapping[str, str], destination: str, dead: bool
    ) -> None:
        """Send a copy, and return once the broker has it; raises `Refused` and `Unavailable`."""
        written = copied_message(message, properties, destination, dead, self._addresses)
        self._send(destination, written)

    def _send(self, destination: str, written: bytes) -> None:
        with self.translated():
            address = self._addresses.of(destination)
            sender = self._sender(address)
            try:
                self.wait_for(lambda: sender.credit > 0, sender)
                sent = sender.delivery(str(next(self._tags)))
                sender.stream(written)
                sender.advance()
                self.wait_for(lambda: bool(sent.settled or sent.remote_state), sender)
            except Refused:
                _leave(self._senders.pop(address))
                raise
            outcome = sent.remote_state
            reason = reason_of(sent.remote.condition) if outcome != Delivery.ACCEPTED else ""
            sent.settle()
        if outcome != Delivery.ACCEPTED:
            raise Refused(f"{self.where} refuses it: {reason}")

    def _sender(self, address: Address) -> Sender:
        """Return the link to a destination; the one that was not used for longest may end for it."""
        found = self._senders.pop(address, None)
        if found is None:
            if address.text.startswith(_MAY_BE_MISSING) and self._addresses.is_rabbitmq:
                self._find(address)
            found = self._session.sender(f"hansa-{uuid.uuid4()}")
            self.name_terminus(found.target, address)
            found.source.address = f"hansa-{uuid.uuid4()}"
            found.open()
            if len(self._senders) >= LINKS:
                _leave(self._senders.popitem(last=False)[1])
        self._senders[address] = found
        return found

    def _find(self, address: Address) -> None:
        """Raise `Refused` unless a queue is there, whose messages would be confirmed and dropped."""
        probe = self._session.receiver(f"hansa-{uuid.uuid4()}")
        self.name_terminus(probe.source, address)
        probe.open()
        try:
            self.wait_for(lambda: bool(probe.remote_source.address), probe)
        finally:
            _leave(probe)

    def name_terminus(self, terminus: Terminus, address: Address) -> None:
        """Write into a terminus which queue or topic is meant."""
        terminus.address = address.text
        kind = terminus.capabilities
        kind.put_array(False, proton.Data.SYMBOL)
        kind.enter()
        kind.put_symbol(proton.symbol(KINDS[address.kind]))
        kind.exit()
        if self._addresses.is_rabbitmq and address.kind == 0:
            terminus.durability = Terminus.CONFIGURATION  # that of the queue, which it may make


def _leave(link: Link) -> None:
    """End a link, so that its number can be that of another."""
    link.close()
    link.free()
