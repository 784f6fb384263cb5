"""An outgoing HTTP request, as security definitions see it when they sign it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class Handshake(Protocol):
    """One authentication of a connection by several messages, such as NTLM (RFC 4559, section 4).

    `scheme` is the name in the headers WWW-Authenticate and Authorization.
    """

    scheme: str

    def step(self, token: bytes, certificate: bytes) -> bytes:
        """Return the next token for the server; `token` is the server's, empty at the beginning,
        and `certificate` that of its TLS, as DER, empty without TLS. Raises `HansaError` for a
        token that cannot be used.
        """


@dataclass(slots=True, kw_only=True)
class OutgoingRequest:
    """A request that is about to be sent.

    `method` is in upper case, `url` whole, `body` what will be sent, compressed if it is to be. A
    definition adds what proves who we are to `headers`, or to `query`, the parameters that come
    after those of `url`: there they show in no log, error or answer. `headers` are those of the
    call; what the connection itself adds at the end (`Host`, `Content-Length` and the like) is not
    among them. Where the server authenticates connections and not requests, a definition sets
    `begin_handshake`, by a method of its own: the request then goes over a connection that only
    this definition uses. It changes nothing else.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    query: dict[str, str] = field(default_factory=dict)
    begin_handshake: Callable[[], Handshake] | None = None
