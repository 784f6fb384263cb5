"""Properties of messages that break no connection, whatever others have put into them."""

from __future__ import annotations

from hansa import Invalid
from pika import exceptions, spec

LONGEST = 130_000
"""Bytes of properties, which must fit into one frame (AMQP 0-9-1, section 4.2.6.1)."""
_UNREADABLE = (
    ValueError,  # a date after the year 9999
    ArithmeticError,
    RecursionError,  # endless nesting
    exceptions.InvalidFieldTypeException,
)


class Properties(spec.BasicProperties):  # type: ignore[misc]
    """The properties of a message; `fault` says why they cannot be read.

    Those that cannot be read are kept as they came, in the header `x-hansa-unreadable`.
    """

    fault = ""

    def encode(self) -> list[bytes]:
        """Return the bytes to send; raises `Invalid` if they are too many for one frame."""
        pieces: list[bytes] = super().encode()
        if sum(map(len, pieces)) > LONGEST:
            raise Invalid("the message cannot be sent: its properties and headers are too long")
        return pieces

    def decode(self, encoded: bytes, offset: int = 0) -> Properties:
        """Read the properties of a message."""
        try:
            super().decode(encoded, offset)
        except _UNREADABLE as error:
            self.headers = {"x-hansa-unreadable": encoded}
            self.fault = f"its properties cannot be read: {error}"
        return self


# pika makes the properties of each message that it receives with the class that stands here
spec.props[spec.BasicProperties.INDEX] = Properties
