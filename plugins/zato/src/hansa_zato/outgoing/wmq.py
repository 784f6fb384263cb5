"""One outgoing connection to IBM MQ as services of the Zato dialect use it: `send`."""

from __future__ import annotations

from typing import Final, Protocol

from hansa import Invalid, TimedOut, Unavailable

from ..dialect.exceptions import ConnectionException, TimeoutException
from .entry import OpenConnection

NON_PERSISTENT: Final = 1
"""The delivery mode of JMS for messages that need not outlive the queue manager; 2 is the other."""


class LiveQueueManager(Protocol):
    """What is needed of Hansa's connection to a queue manager."""

    def send(
        self,
        message: str,
        queue: str | None = None,
        *,
        correlation_id: str = "",
        reply_to: str = "",
        priority: int | None = None,
        time_to_live: float = 0,
        persistent: bool | None = None,
    ) -> str:
        """Put a text to a queue and return its message id."""


class WMQConnection(OpenConnection[LiveQueueManager]):
    """Messages out.

    What Hansa's own connection offers besides, such as `ping`, can be called, too.
    """

    def send(
        self,
        msg: str | bytes,
        queue: str | None = None,
        delivery_mode: int | None = None,
        expiration: float | None = None,
        priority: int | None = None,
        max_chars_printed: object = None,
        *,
        jms_correlation_id: str | bytes | None = None,
        jms_reply_to: str | None = None,
        **ignored: object,
    ) -> str:
        """Put a text, or bytes that are UTF-8, and return its message id.

        `expiration` is milliseconds. A correlation id of 24 bytes is sent as such. Raises Inactive,
        ConnectionException and TimeoutException, and Hansa's `Invalid` for what cannot be put.
        """
        text = _text(msg) if isinstance(msg, bytes) else msg
        durable = None if delivery_mode is None else delivery_mode != NON_PERSISTENT
        live = self._live()
        try:
            return live.send(
                text,
                queue,
                correlation_id=_correlation_id(jms_correlation_id),
                reply_to=jms_reply_to or "",
                priority=priority,
                time_to_live=(expiration or 0) / 1000,
                persistent=durable,
            )
        except TimedOut as error:
            raise TimeoutException(None, error.detail) from error
        except Unavailable as error:
            raise ConnectionException(None, error.detail) from error


def _text(given: bytes) -> str:
    """Return bytes as text; raises `Invalid` for what is not UTF-8."""
    try:
        return given.decode()
    except UnicodeDecodeError as error:
        raise Invalid("the message is not UTF-8, and the REST API takes no other bytes") from error


def _correlation_id(given: str | bytes | None) -> str:
    """Return a correlation id as the REST API has it: bytes by their hexadecimal digits."""
    return f"ID:{given.hex()}" if isinstance(given, bytes) else given or ""
