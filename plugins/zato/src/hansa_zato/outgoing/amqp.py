"""One outgoing AMQP connection as services of the Zato dialect use it: `send`, over what hansa-amqp publishes with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hansa import TimedOut, Unavailable

from ..dialect.exceptions import ConnectionException, TimeoutException

OWN = "/"  # what Zato gives for an exchange where none is named


class AMQPConnection:
    """Messages out; what Hansa's own connection offers besides, such as `ping`, can be called too."""

    def __init__(self, entry: Any) -> None:
        self._entry = entry

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry.live(), name)

    def send(
        self,
        msg: Any,
        exchange: str | None = OWN,
        routing_key: str | None = None,
        properties: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        **ignored: Any,
    ) -> str:
        """Publish text, bytes, or plain data as JSON, and wait for the broker's confirmation; gives the message id.

        Exchange and routing key are those of the connection if not given; `properties` are named as in AMQP. Raises Inactive,
        ConnectionException (also if no queue takes the message) and TimeoutException.
        """
        options = {
            name: value for name, value in dict(properties or {}).items() if name != "headers"
        }
        if isinstance(options.get("expiration"), int):
            options["expiration"] = str(options["expiration"])
        if not isinstance(msg, str | bytes):
            msg = json.dumps(msg, ensure_ascii=False)
            options.setdefault("content_type", "application/json")
        headers = {**((properties or {}).get("headers") or {}), **(headers or {})}
        live, to = self._entry.live(), None if exchange == OWN else exchange
        try:
            return str(live.publish(msg, routing_key, to, headers=headers, **options))
        except TimedOut as error:
            raise TimeoutException(None, error.detail) from error
        except Unavailable as error:
            raise ConnectionException(None, error.detail) from error
