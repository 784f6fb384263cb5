"""What crosses the wall between a channel and a service: a request, a response, and the correlation
id on both.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from ..foundation.errors import HansaError, Outcome

if TYPE_CHECKING:
    from .service import Binding
    from .trace import TraceContext

_random_bits = random.Random(random.SystemRandom().getrandbits(64)).getrandbits


def new_cid() -> str:
    """Return a fresh correlation id: `K` and 27 characters from 0-9 and A-F, 108 random bits.

    It is not a secret, so a fast generator will do; it is seeded from the system's.
    """
    return f"K{_random_bits(108):027X}"


def writable_cid(given: str) -> str:
    """Return a correlation id that every store can write: a fresh one if none is given, and with `?`
    for lone surrogates, which are no characters.
    """
    if not given:
        return new_cid()
    return given if given.isascii() else given.encode(errors="replace").decode()


@dataclass(slots=True, eq=False)
class Request:
    """One message on its way to a service.

    A channel sets what it has: `raw` bytes or an already built `payload`, `headers` (lower-case
    names), `params` (path and query values), `method`, `path`, `peer` (address of the caller),
    `environ` (the WSGI environment, or the like), `certificates` (the client certificate of the
    caller and the intermediate ones that came with it, in DER: the caller has proved in a TLS
    handshake that it has the private key, and nothing else was verified), `extra` (anything else,
    by name), and `fault`, what is wrong with a message that cannot be read: it is raised once the
    caller is known. The route adds
    `input` (the parsed input), `principal` (who called), `channel` and `format`; `attempt` counts
    from 1. `trace` is its place in a trace, once a plugin that records traces has taken it in.
    """

    raw: bytes = b""
    _: KW_ONLY
    payload: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    method: str = ""
    path: str = ""
    peer: str = ""
    environ: dict[str, Any] | None = None
    certificates: tuple[bytes, ...] = ()
    cid: str = ""
    attempt: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)
    fault: HansaError | None = None
    input: Any = field(default=None, init=False)
    principal: Any = field(default=None, init=False)
    channel: Binding | None = field(default=None, init=False)
    trace: TraceContext | None = field(default=None, init=False)
    format: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.cid = writable_cid(self.cid)


@dataclass(slots=True, eq=False)
class Response:
    """The answer: `payload` set by the service, `raw` bytes rendered from it, `status`, `headers`,
    `content_type`.

    `outcome` tells a broker what to do: `done` (acknowledge), `retry`, `reject`; `error` is the
    exception behind the last two.
    """

    payload: Any = None
    _: KW_ONLY
    status: int = 200
    content_type: str = ""
    cid: str = ""
    raw: bytes = field(default=b"", init=False)
    headers: dict[str, str] = field(default_factory=dict, init=False)
    outcome: Outcome = field(default="done", init=False)
    error: BaseException | None = field(default=None, init=False)

    @property
    def ok(self) -> bool:
        """Whether the message was handled and may be acknowledged."""
        return self.outcome == "done"
