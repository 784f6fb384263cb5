"""An outgoing HTTP request, as security definitions see it when they sign it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class OutgoingRequest:
    """A request that is about to be sent.

    `method` is in upper case, `url` whole, `body` what will be sent, compressed if it is to be. A
    definition adds what proves who we are to `headers`, or to `query`, the parameters that come
    after those of `url`: there they show in no log, error or answer. It changes nothing else.
    `headers` are those of the call; what the connection itself adds at the end (`Host`,
    `Content-Length` and the like) is not among them.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    query: dict[str, str] = field(default_factory=dict)
