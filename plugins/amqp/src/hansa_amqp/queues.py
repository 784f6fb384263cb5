"""The arguments of queues that are declared, as RabbitMQ knows them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from hansa import Invalid, Model, setting

from .validation import short_string_fault

QueueArguments: TypeAlias = dict[str, str | int | float | bool]
"""Arguments of queue.declare, such as `x-max-priority`, by name."""
TYPED = {
    "x-queue-type": "declare",
    "x-max-priority": "max_priority",
    "x-message-ttl": "message_ttl",
    "x-max-length": "max_length",
    "x-delivery-limit": "delivery_limit",
    "x-dead-letter-exchange": "broker_dead_letter_exchange",
    "x-dead-letter-routing-key": "broker_dead_letter_routing_key",
}
"""The setting for each argument that has one."""


class QueueSettings(Model):
    """Queue declaration.

    Which queues are declared, and with what arguments.

    The arguments are those of the queue itself; the queue of dead letters has none but its type.
    """

    declare: Annotated[
        Literal["", "classic", "quorum"],
        setting("Type of queues to declare, with exchange and binding; empty declares nothing"),
    ] = ""
    max_priority: Annotated[
        int,
        setting(
            "Highest priority of messages in a declared classic queue; 0 for a queue without",
            ge=0,
            le=255,
        ),
    ] = 0
    message_ttl: Annotated[
        float,
        setting(
            "Seconds after which messages of a declared queue expire; 0 for never",
            ge=0,
            le=4_000_000,
        ),
    ] = 0.0
    max_length: Annotated[
        int, setting("Maximum messages of a declared queue; 0 for no limit", ge=0)
    ] = 0
    delivery_limit: Annotated[
        int,
        setting(
            "Deliveries after which a declared quorum queue drops a message; 0 for the broker's own",
            ge=0,
        ),
    ] = 0
    broker_dead_letter_exchange: Annotated[
        str | None,
        setting(
            "Exchange to which the broker moves what a declared queue drops: expired, over "
            "max_length or over delivery_limit; the empty text is the default exchange"
        ),
    ] = None
    broker_dead_letter_routing_key: Annotated[
        str, setting("Routing key of what the broker moves; empty for that of the message")
    ] = ""
    queue_arguments: Annotated[
        QueueArguments,
        setting(
            "Further arguments of a declared queue, as the broker calls them",
            example={"x-overflow": "reject-publish"},
        ),
    ] = {}

    def declared_arguments(self) -> QueueArguments:
        """Return the arguments with which the queue is declared."""
        arguments: QueueArguments = {"x-queue-type": self.declare}
        if self.max_priority:
            arguments["x-max-priority"] = self.max_priority
        if self.message_ttl:
            arguments["x-message-ttl"] = round(self.message_ttl * 1000)
        if self.max_length:
            arguments["x-max-length"] = self.max_length
        if self.delivery_limit:
            arguments["x-delivery-limit"] = self.delivery_limit
        if self.broker_dead_letter_exchange is not None:
            arguments["x-dead-letter-exchange"] = self.broker_dead_letter_exchange
        if self.broker_dead_letter_routing_key:
            arguments["x-dead-letter-routing-key"] = self.broker_dead_letter_routing_key
        return arguments | self.queue_arguments

    def check(self) -> None:
        """Refuse arguments that no declaration would use or no broker take; raises `Invalid`."""
        super().check()
        faults = self._unused()
        if self.declare == "quorum" and self.max_priority:
            faults["max_priority"] = "quorum queues have none; use classic"
        if self.declare == "classic" and self.delivery_limit:
            faults["delivery_limit"] = "only quorum queues have one"
        if self.broker_dead_letter_routing_key and self.broker_dead_letter_exchange is None:
            faults["broker_dead_letter_exchange"] = "required with its routing key"
        for name in self.queue_arguments:
            fault = short_string_fault(name)
            if name in TYPED:
                fault = f"has a setting of its own: {TYPED[name]}"
            if fault:
                faults[f"queue_arguments.{name}"] = fault
        if faults:
            raise Invalid(faults)

    def _unused(self) -> dict[str, str]:
        """Return the faults of arguments that are set although nothing is declared."""
        if self.declare:
            return {}
        given = {
            "max_priority": self.max_priority,
            "message_ttl": self.message_ttl,
            "max_length": self.max_length,
            "delivery_limit": self.delivery_limit,
            "broker_dead_letter_exchange": self.broker_dead_letter_exchange is not None,
            "broker_dead_letter_routing_key": self.broker_dead_letter_routing_key,
            "queue_arguments": self.queue_arguments,
        }
        return {name: "is only used with declare" for name, value in given.items() if value}
