"""The WSGI application: one falcon responder for every path and method, which hands each request to
the request handler.
"""

from __future__ import annotations

import logging
import re
import time
from typing import Any, Protocol
from wsgiref.types import WSGIEnvironment

import falcon
from falcon.routing import CompiledRouter
from hansa import Response, new_cid

from .access import AccessLog
from .errors import malformed, problem_response
from .handler import RequestHandler

log = logging.getLogger("hansa.http")

_is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_OF_THE_SERVER = frozenset(
    (
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class _Request(falcon.Request):
    """A request of which falcon needs only this much.

    PERF: falcon would read the query string, leniently, before ours is read strictly.
    """

    def __init__(self, env: WSGIEnvironment, options: object = None) -> None:
        self.env = env
        self.method = env["REQUEST_METHOD"]
        self.path = "/"
        self.is_websocket = False


class _AnyMethod(dict[str, Any]):
    """One responder for every method."""

    def __missing__(self, method: str) -> Any:
        return self[""]


class _OneRoute(CompiledRouter):
    """A falcon router for which every path has the same responder: channels come and go, falcon's
    own routes cannot.
    """

    def __init__(self, responder: Any) -> None:
        super().__init__()
        self._route: Any = (self, _AnyMethod({"": responder}), {}, None)

    def find(self, uri: str, req: falcon.Request | None = None) -> Any:
        """Return the one responder."""
        return self._route


def create_app(handler: RequestHandler, access: AccessLog | None = None) -> falcon.App[Any, Any]:
    """Return the WSGI application over a request handler; answers are noted in `access`, if there
    is one.
    """

    def respond(req: falcon.Request, resp: falcon.Response) -> None:
        began = time.time()
        environ = req.env
        response, request = handler(environ)
        response = send(response, resp)
        if access is not None:
            access.write(environ, request, response, began)
        # PERF: a traceback and its response would hold each other until the collector comes by
        response.error = None

    def failed(
        req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
    ) -> None:
        cid = new_cid()
        if isinstance(error, falcon.HTTPError):
            error = malformed(error.title or "malformed request", error.status_code)
        else:
            log.error("a request could not be answered (cid %s)", cid, exc_info=error)
        response = send(problem_response(error, cid), resp)
        if access is not None:
            access.write(req.env, None, response, time.time())

    app: falcon.App[Any, Any] = falcon.App(
        media_type="text/plain; charset=utf-8", request_type=_Request, router=_OneRoute(respond)
    )
    app.add_error_handler((Exception, falcon.HTTPError), failed)
    return app


class Sent(Protocol):
    """What a response is put into: falcon's, or one that does as much of it as is used here."""

    status: Any
    content_type: Any
    data: Any

    def set_header(self, name: str, value: str) -> None:
        """Set a header."""

    def append_header(self, name: str, value: str) -> None:
        """Add a header that may be there more than once."""


def send(response: Response, out: Sent) -> Response:
    """Put a response into another one, such as falcon's, and return it; one that cannot be sent
    becomes an unexpected error, which is logged.

    Browsers are told not to take it for another type than the one it has, unless it says otherwise
    itself.
    """
    cid = response.cid
    out.set_header("X-Content-Type-Options", "nosniff")
    try:
        _put(response, out)
    except (TypeError, ValueError, AttributeError) as error:
        log.error("the response cannot be sent (cid %s): %s", cid, error)
        response = problem_response(error, cid)
        _put(response, out)
    out.data = response.raw
    out.set_header("X-Hansa-CID", cid)
    return response


def _put(response: Response, out: Sent) -> None:
    """Put all but the body into it; raises for what HTTP cannot carry."""
    if not isinstance(response.raw, bytes):
        raise TypeError(f"the body of a response is bytes, not {type(response.raw).__name__}")
    status = response.status
    if status != 200:
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f"{status!r} is not a valid status of an HTTP response")
        out.status = status
    if response.headers:
        for name, value in response.headers.items():
            _put_header(name, value, out)
    content_type = response.content_type
    if content_type:
        if not content_type.isprintable():
            raise ValueError(f"{content_type!r} is not a valid content type")
        out.content_type = content_type


def _put_header(name: str, value: object, out: Sent) -> None:
    if not isinstance(name, str) or not _is_token(name):
        raise ValueError(f"{name!r} is not a valid name of a header")
    lower = name.lower()
    if lower in _OF_THE_SERVER:
        return
    several = isinstance(value, list | tuple)
    for one in value if isinstance(value, list | tuple) else (str(value),):
        if "\r" in one or "\n" in one or "\0" in one:
            raise ValueError(f"the header {name} has a line end in it")
        one.encode("latin-1")
        if several or lower == "set-cookie":
            out.append_header(name, one)
        else:
            out.set_header(name, one)
