"""The seam between the application and the server that reads the socket: waitress, or another one
that a plugin offers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from wsgiref.types import WSGIApplication, WSGIEnvironment

from hansa import HansaError, Response

from .certificate import ServerCertificate
from .early import HttpSection
from .gate import Gate
from .parser import Fault

WAITRESS = "waitress"
"""The server that serves unless the setting `http.server` names another one."""


Awaits = Callable[[str, Callable[[], WSGIEnvironment]], bool]
"""Whether a request is answered on the event loop, by its target and what makes its environment."""
LARGE_BODY = 2**18
"""Bytes of a body that is read in a thread, also where a service on the event loop answers."""


def never(target: str, environ: Callable[[], WSGIEnvironment]) -> bool:
    """Answer no request on the event loop."""
    return False


@dataclass(frozen=True)
class Site:
    """What a server is to serve, and by which rules.

    `plain_application` answers as `application` does, without falcon. `refuse` makes the answer to
    a request whose body is over the limit. `is_proxy` says of which addresses connections are not
    limited for each address. `replace` is called with the reason when all threads of services are
    stuck. With a `certificate` connections are TLS. `shared_paths` are paths of Hansa's own behind
    which services run. `awaits`, with a target and what makes the environment, says which requests
    are answered on the event loop: there they keep no thread while their service waits.
    """

    application: WSGIApplication
    plain_application: WSGIApplication
    section: HttpSection
    gate: Gate
    refuse: Callable[[WSGIEnvironment, HansaError], Response]
    is_proxy: Callable[[str], bool]
    replace: Callable[[str], None] | None
    certificate: ServerCertificate | None
    shared_paths: set[str]
    awaits: Awaits = never


class HttpServer(Protocol):
    """A server on a listening socket that other processes may share."""

    @property
    def connections(self) -> int:
        """The number of connections that are open."""

    def start(self) -> None:
        """Begin to accept connections, in threads of its own."""

    def drain(self, closing: bool, limit: float) -> None:
        """Accept nothing new and return when everything accepted is answered, at most `limit`
        seconds later; `closing`: no other process serves on.
        """

    def stop(self) -> None:
        """Close every connection, end all threads."""


class Target(Protocol):
    """What a request asks for, as far as it decides which threads answer."""

    error: Fault | None
    request_uri: str


class Waiting(Protocol):
    """A request that waits for a thread, the first one of `requests`."""

    @property
    def requests(self) -> Sequence[Target]:
        """The requests of one connection."""

    def service(self) -> None:
        """Answer the first one."""

    def cancel(self) -> None:
        """Give it up."""
