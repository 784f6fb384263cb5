"""The outgoing connection mllp: sends messages, and waits for their acknowledgements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa import Invalid, Unavailable
from hansa_connect.pooled import PooledOutgoing
from hansa_connect.tls import definitions_of, resolved

from .acknowledgement import Acknowledgement, read_acknowledgement
from .connection import Connection
from .header import Header, read_header
from .refusals import Refusal
from .settings import SendingSettings
from .text import written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hl7 import Message

_NEVER = "NE"


class MllpOutgoing(PooledOutgoing[SendingSettings, Connection]):
    """Sends messages: `self.outgoing.mllp["name"].send(message)`.

    Safe in many threads. One message is on its way on each connection.
    """

    type = "mllp"

    @classmethod
    def logins(cls, config: SendingSettings) -> Iterable[str]:
        """Return the security definitions of TLS."""
        return definitions_of(config)

    def new_connection(self) -> Connection:
        """Return a connection that is not open yet."""
        return Connection(resolved(self.config, self.server.objects))

    def send(self, message: Message | str | bytes, *, timeout: float = 0) -> Acknowledgement:
        """Send a message, and return its acknowledgement.

        Text is written in the charset that it names (MSH-18), by default UTF-8. Raises `Refusal` if
        the other side does not accept it, `Invalid` for what is no message, `Unavailable` or
        `TimedOut` (after `timeout` seconds, by default those of the settings): after these two it
        may have been handled all the same, so that whoever sends it again may send it twice.
        """
        raw = written(message)
        header = read_header(raw)
        self._check(header, raw)
        with self.observed(), self.pool.use(timeout or None) as connection:
            answer = connection.exchange(raw)
            try:
                found = read_acknowledgement(answer)
            except Invalid as error:
                connection.broken = True
                fault = f"{connection.where} answers with no acknowledgement: {error.detail}"
                raise Unavailable(fault) from error
            if found.control_id != header.control_id:
                # answers and messages have come apart, so no answer here can be trusted any more
                connection.broken = True
                raise Unavailable(
                    f"{connection.where} acknowledges {found.control_id!r}, and was sent "
                    f"{header.control_id!r}"
                )
            if not found.ok:
                raise Refusal(connection.where, found)
            return found

    def _check(self, header: Header, raw: bytes) -> None:
        faults = {}
        if not header.control_id.strip():
            faults["MSH-10"] = "the control id is missing, by which it is acknowledged"
        if header.field(15).upper() == header.field(16).upper() == _NEVER:
            faults["MSH-15"] = "asks for no acknowledgement; it could be lost without notice"
        if len(raw) > self.config.max_body:
            limit = self.config.max_body
            faults["message"] = f"has {len(raw)} bytes; max_body is {limit}"
        if faults:
            raise Invalid(faults)
