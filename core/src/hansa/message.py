"""What crosses the wall between a channel and a service: a request, a response, and the correlation id on both."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from .errors import Outcome

_random = random.SystemRandom().getrandbits(64)
_bits = random.Random(_random).getrandbits
_NOTHING: Mapping[str, Any] = {}


def new_cid() -> str:
    """A fresh correlation id: `K` and 27 characters from 0-9 and A-F, 108 random bits.

    PERF: not a secret, so the fast generator will do; it is seeded from the system's.
    """
    return f"K{_bits(108):027X}"


class Request:
    """One message on its way to a service.

    A channel gives what it has: `raw` bytes or an already built `payload`, `headers` (lower-case names), `params` (path and
    query values), `method`, `path`, `peer` (address of the caller), `environ` (the WSGI environment, or the like).
    The route adds `input` (the parsed input), `principal` (who called) and `channel`; `attempt` counts from 1.
    """

    __slots__ = ("attempt", "channel", "cid", "environ", "extra", "format", "headers", "input", "method", "params",
                 "path", "payload", "peer", "principal", "raw")  # fmt: skip

    def __init__(
        self, raw: bytes = b"", *, payload: Any = None, headers: Mapping[str, str] = _NOTHING,
        params: Mapping[str, Any] = _NOTHING, method: str = "", path: str = "", peer: str = "",
        environ: dict[str, Any] | None = None, cid: str = "", attempt: int = 1, extra: Mapping[str, Any] = _NOTHING
    ) -> None:  # fmt: skip
        self.raw = raw
        self.payload = payload
        self.headers = headers
        self.params = params
        self.method = method
        self.path = path
        self.peer = peer
        self.environ = environ
        self.cid = cid or new_cid()
        self.attempt = attempt
        self.extra = extra
        self.input: Any = None
        self.principal: Any = None
        self.channel: Any = None
        self.format = ""


class Response:
    """The answer: `payload` set by the service, `raw` bytes rendered from it, `status`, `headers`, `content_type`.

    `outcome` tells a broker what to do: `done` (acknowledge), `retry`, `reject`; `error` is the exception behind the last two.
    """

    __slots__ = ("cid", "content_type", "error", "headers", "outcome", "payload", "raw", "status")

    def __init__(self, payload: Any = None, *, status: int = 200, content_type: str = "", cid: str = "") -> None:
        self.payload = payload
        self.raw = b""
        self.status = status
        self.headers: dict[str, str] = {}
        self.content_type = content_type
        self.cid = cid
        self.outcome: Outcome = "done"
        self.error: BaseException | None = None

    @property
    def ok(self) -> bool:
        """Whether the message was handled and may be acknowledged."""
        return self.outcome == "done"
