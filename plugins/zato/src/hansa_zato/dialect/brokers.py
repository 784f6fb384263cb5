"""`self.request.amqp` and `self.request.wmq`: a message of a broker, as its channel received it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..bunch import Bunch
from ..payloads import Value

if TYPE_CHECKING:
    from hansa import Request as CoreRequest


class AMQPMessage:
    """`msg`, what was received.

    The broker learns of `ack` and `reject` once the service has ended; `decide` is told whether it
    is to be refused.
    """

    def __init__(self, core: CoreRequest, decide: Callable[[bool], None]) -> None:
        self._core = core
        self._decide = decide

    @property
    def msg(self) -> Bunch:
        """`body`, `headers`, `properties`, and what else the channel knows."""
        core = self._core
        found = Bunch(core.extra)
        found.update(body=core.raw, headers=Bunch(core.headers))
        found.setdefault("properties", Bunch())
        return found

    def ack(self) -> None:
        """Have the message acknowledged, as it is anyway when the service ends without an error."""
        self._decide(False)

    def reject(self, requeue: bool = False) -> None:
        """Have the message refused when the service ends, as a message that its channel does not
        try again; `requeue` has no effect.
        """
        self._decide(True)


class WMQMessage:
    """What IBM MQ says of a message; what it does not say is empty."""

    def __init__(self, core: CoreRequest) -> None:
        self._extra = core.extra

    @property
    def msg_id(self) -> str:
        """The id of the message, in hexadecimal digits."""
        return self._text("message_id")

    @property
    def correlation_id(self) -> str:
        """The correlation id, in hexadecimal digits."""
        return self._text("correlation_id")

    @property
    def reply_to(self) -> str:
        """Where an answer is to go: the queue manager and the queue."""
        return self._text("reply_to")

    @property
    def mqmd(self) -> Bunch:
        """All of it."""
        return Bunch(self._extra)

    def _text(self, name: str) -> str:
        value: Value = self._extra.get(name)
        return str(value or "")
