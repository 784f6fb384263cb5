"""Where messages are pushed: a service of this server, or the server behind an outgoing connection
http.
"""

from __future__ import annotations

from typing import Protocol, cast

import msgspec
from hansa import HansaError, Outcome, Request, Server

from .hooks import before_delivery
from .message import Message
from .settings import SubscriptionSettings
from .table import Table

CHANNEL_TYPE = "pubsub"
"""The type of channel that services see, and that counts in statistics."""
REJECTED = frozenset((400, 404, 405, 410, 413, 415, 422))
"""Statuses of HTTP after which another attempt would end the same way."""


class Undelivered(HansaError):
    """A message that could not be delivered; `outcome` says whether another attempt is worth it."""

    code = "undelivered"
    status = 502
    title = "Not delivered"


class _Answer(Protocol):
    status: int
    ok: bool


class _Connection(Protocol):
    def request(
        self, method: str, data: object, *, headers: dict[str, str], cid: str
    ) -> _Answer: ...


class Endpoints:
    """Delivers messages to what subscriptions name."""

    def __init__(self, server: Server, table: Table) -> None:
        self._server = server
        self._table = table

    def deliver(self, name: str, config: SubscriptionSettings, message: Message) -> bool:
        """Deliver a message; false if the service of `before_delivery` has it left out. Raises
        `Undelivered`, or what that service raises.
        """
        topic = self._table.topics.get(message.topic)
        if topic is not None and topic.config.before_delivery:
            hook = topic.config.before_delivery
            changed = before_delivery(self._server, hook, message, name)
            if changed is None:
                return False
            message = changed
        if config.deliver_to == "service":
            self._to_service(name, config, message)
        else:
            self._to_http(config, message)
        return True

    def _to_service(self, name: str, config: SubscriptionSettings, message: Message) -> None:
        request = Request(
            message.raw or b"",
            payload=message.data,
            cid=message.cid,
            attempt=max(1, message.attempts),
            extra={"pubsub": {**message.about(), "subscription": name}},
        )
        response = self._server.handle(config.service, request, type=CHANNEL_TYPE, channel=name)
        if not response.ok:
            why = response.error or f"status {response.status}"
            raise _undelivered(f"{config.service}: {why}", response.outcome)

    def _to_http(self, config: SubscriptionSettings, message: Message) -> None:
        connection = cast(_Connection, self._server.outgoing.http[config.outgoing])
        body = message.raw
        mime_type = message.mime_type or "application/octet-stream"
        if body is None:
            body = msgspec.json.encode(message.data)
            mime_type = message.mime_type or "application/json"
        headers = {
            "Content-Type": mime_type,
            "X-Hansa-Topic": _header(message.topic),
            "X-Hansa-Message-Id": _header(message.id),
        }
        answer = connection.request(config.method, body, headers=headers, cid=message.cid)
        if not answer.ok:
            outcome: Outcome = "reject" if answer.status in REJECTED else "retry"
            raise _undelivered(f"{config.outgoing} answered {answer.status}", outcome)


def _header(text: str) -> str:
    """Return a text as a header of HTTP has it: no line break, and nothing but ASCII."""
    return text.encode("unicode_escape").decode()


def _undelivered(cause: str, outcome: Outcome) -> Undelivered:
    error = Undelivered(cause)
    error.outcome = outcome
    return error
