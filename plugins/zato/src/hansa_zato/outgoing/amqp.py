"""One outgoing AMQP connection as services of the Zato dialect use it: `send`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Protocol

from hansa import TimedOut, Unavailable

from ..dialect.exceptions import ConnectionException, TimeoutException
from ..payloads import PlainDict
from .entry import OpenConnection

CONNECTIONS_OWN: Final = "/"
"""What Zato passes as the exchange where none is named."""


class LiveAMQP(Protocol):
    """What is needed of Hansa's AMQP connection."""

    def publish(
        self,
        message: str | bytes,
        routing_key: str | None = None,
        exchange: str | None = None,
        **properties: object,
    ) -> str:
        """Publish a message and wait for its confirmation; returns its id."""


class AMQPConnection(OpenConnection[LiveAMQP]):
    """Messages out.

    What Hansa's own connection offers besides, such as `ping`, can be called, too.
    """

    def send(
        self,
        msg: object,
        exchange: str | None = CONNECTIONS_OWN,
        routing_key: str | None = None,
        properties: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        **ignored: object,
    ) -> str:
        """Publish text, bytes, or plain data as JSON, and wait for the broker's confirmation.

        Returns the message id.

        Exchange and routing key are those of the connection if not given; `properties` are named as
        in AMQP. Raises Inactive, ConnectionException (also if no queue takes the message) and
        TimeoutException.
        """
        options: PlainDict = dict(properties or {})
        all_headers = {**(options.pop("headers", None) or {}), **(headers or {})}
        if isinstance(options.get("expiration"), int):
            options["expiration"] = str(options["expiration"])
        if isinstance(msg, str | bytes):
            message = msg
        else:
            message = json.dumps(msg, ensure_ascii=False)
            options.setdefault("content_type", "application/json")
        target = None if exchange == CONNECTIONS_OWN else exchange
        live = self._live()
        try:
            return live.publish(message, routing_key, target, headers=all_headers, **options)
        except TimedOut as error:
            raise TimeoutException(None, error.detail) from error
        except Unavailable as error:
            raise ConnectionException(None, error.detail) from error
