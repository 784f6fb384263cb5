"""The messaging REST API of IBM MQ, version 3: put, browse, list and delete."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote

import msgspec
from hansa import OutgoingRequest, Server, Unavailable
from hansa_connect.login import LoggedIn
from hansa_http.address import HttpAddress
from hansa_http.outgoing import HttpOutgoing

from .faults import fault_of
from .settings import QueueManagerSettings

if TYPE_CHECKING:
    from hansa_http.response import HttpResponse

BASE = "/ibmmq/rest/v3"
CSRF = {"ibm-mq-rest-csrf-token": "hansa"}
"""Needed by what changes something; its value means nothing, since browsers cannot send it."""
TEXT = "text/plain;charset=utf-8"
_OK = 200
_CREATED = 201
_NO_CONTENT = 204
_NOT_FOUND = 404
MOST_BYTES = 101 * 1024 * 1024
"""Bytes of an answer: a message of IBM MQ has 100 MiB at most."""


class Http(HttpOutgoing[HttpAddress]):
    """The HTTP client of one definition, which `what` names in errors."""

    type: ClassVar[str] = "ibmmq"

    def __init__(self, what: str, config: QueueManagerSettings, server: Server) -> None:
        super().__init__(what, config.http(MOST_BYTES), server)
        given = f"{config.username}:{config.password or ''}"
        self._login = "Basic " + base64.b64encode(given.encode()).decode()
        self._has_login = bool(config.username)
        self.told: Callable[[str], None] = lambda why: None

    @property
    def label(self) -> str:
        """What errors call this connection."""
        return self.name

    def url(self, params: Mapping[str, Any]) -> str:
        """Return the URL of a call, whose path and query are given as `path`."""
        return f"{self.config.address}{params['path']}"

    def trouble(self, why: str) -> None:
        """Pass on that mqweb does not answer, or does again."""
        self.told(why)

    def _sign(self, request: OutgoingRequest) -> None:
        if self._has_login:
            request.headers["Authorization"] = self._login


class Mqweb:
    """The API of one queue manager, safe in many threads.

    All methods raise `Unavailable`, `TimedOut`, or what `fault_of` makes of a refusal.
    """

    def __init__(self, config: QueueManagerSettings, http: Http) -> None:
        self.place = config.address
        self.http = http
        self._manager = f"{BASE}/messaging/qmgr/{_quoted(config.queue_manager)}"

    def check(self) -> None:
        """Have mqweb say who is logged in."""
        answer = self._call("GET", f"{BASE}/login")
        self._expect(answer, "say who is logged in", _OK)

    def put(self, queue: str, body: bytes, headers: Mapping[str, str]) -> str:
        """Put a text to a queue and return its message id."""
        path = f"{self._path(queue)}/message"
        answer = self._call("POST", path, body, {"Content-Type": TEXT, **headers})
        self._expect(answer, f"put a message to {queue}", _CREATED)
        return answer.headers.get("ibm-mq-md-messageid", "")

    def listed(self, queue: str, limit: int) -> list[str]:
        """Return the ids of the first messages of a queue."""
        answer = self._call("GET", f"{self._path(queue)}/messagelist?limit={limit}")
        what = f"list the messages of {queue}"
        self._expect(answer, what, _OK, _NO_CONTENT)
        if answer.status == _NO_CONTENT or not answer.content:
            return []
        try:
            told: Any = msgspec.json.decode(answer.content)
            return [str(one["messageId"]) for one in told["messages"]]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise Unavailable(f"mqweb at {self.place} answers otherwise than it should") from error

    def browsed(self, queue: str, message: str) -> HttpResponse | None:
        """Return a message, which stays in its queue; None if it is gone.

        Raises a refusal for one that is no text.
        """
        return self._message("GET", queue, message, "browse")

    def delete(self, queue: str, message: str) -> bool:
        """Take a message out of its queue, and return whether it was there."""
        return self._message("DELETE", queue, message, "get") is not None

    def _message(self, method: str, queue: str, message: str, verb: str) -> HttpResponse | None:
        path = f"{self._path(queue)}/message?messageId={quote(message, safe='')}"
        answer = self._call(method, path)
        # a queue that is not there is told by the list of its messages
        if answer.status in (_NO_CONTENT, _NOT_FOUND):
            return None
        self._expect(answer, f"{verb} a message of {queue}", _OK)
        return answer

    def _path(self, queue: str) -> str:
        return f"{self._manager}/queue/{_quoted(queue)}"

    def _call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        given = {**CSRF, "Accept": "*/*", **(headers or {})}
        return self.http.request(method, body, {"path": path}, headers=given)

    def _expect(self, answer: HttpResponse, what: str, *statuses: int) -> None:
        if answer.status not in statuses:
            raise fault_of(answer, what, self.place)


QueueManagerT = TypeVar("QueueManagerT", bound=QueueManagerSettings)


class MqwebConnections(LoggedIn[QueueManagerT]):
    """Mixed into both types: how they log in to mqweb."""

    login_means = ("password", "certificate")
    _mqweb: Mqweb | None = None

    @property
    def mqweb(self) -> Mqweb:
        """The API; raises `Unavailable` before it is opened."""
        if self._mqweb is None:
            raise Unavailable(f"{self.kind} {self.type} {self.name!r} is not started")
        return self._mqweb

    def open_mqweb(self, told: Callable[[str], None]) -> None:
        """Read certificates, and have mqweb answer; raises if it does not, or refuses the login.

        `told` is called with what is wrong when it does not answer later, and with an empty text
        when it does again.
        """
        config = self.connection_config
        http = Http(f"{self.kind} {self.type} {self.name!r}", config, self.server)
        http.start()
        self._mqweb = Mqweb(config, http)
        self._mqweb.check()
        http.told = told

    def close_mqweb(self) -> None:
        """Close all connections; may be called more than once, and if none was opened."""
        if self._mqweb is not None:
            self._mqweb.http.stop()


def _quoted(name: str) -> str:
    """Return the name of an object of MQ as a part of a URL."""
    return quote(name, safe="").replace(".", "%2E")
