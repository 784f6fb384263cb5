"""The WSGI application: one falcon sink that finds the channel of each request in the table and lets it answer."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

import falcon
import msgspec
from falcon.routing import CompiledRouter
from hansa import HansaError, Invalid, NotFound, Request, Response, Unavailable, new_cid, problem

from .access import AccessLog
from .query import Headers, decode_path, parse_query
from .table import Table

log = logging.getLogger("hansa.http")

PROBLEM = "application/problem+json"
_CID = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_FORWARDED",
)
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
_NOTHING: Mapping[str, Any] = {}


class NoChannel(NotFound):
    """No channel of this server has the path."""

    code = "no-channel"


class Gate:
    """Whether this worker wants requests: `draining` once it is to end; `unready` says why not, or is empty."""

    def __init__(self) -> None:
        self.draining = False
        self.unready: Callable[[], str] = lambda: ""


class Proxies:
    """The proxies whose word on a caller's address counts; what anybody else says of it is dropped."""

    def __init__(self, trusted: Iterable[str]) -> None:
        networks = [ip_network(one, strict=False) for one in trusted]
        self.any = bool(networks)

        @lru_cache(maxsize=1024)
        def trusts(address: str) -> bool:
            try:
                found = ip_address(address)
            except ValueError:
                return False
            return any(found in network for network in networks)

        self._trusts = trusts

    def peer(self, environ: dict[str, Any]) -> str:
        """The address of the caller: the last one in X-Forwarded-For that is no trusted proxy."""
        address: str = environ.get("REMOTE_ADDR", "")
        if self.any and self._trusts(address):
            for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
                hop = hop.strip()
                if hop:
                    address = hop
                if not hop or not self._trusts(hop):
                    break
            if environ.get("HTTP_X_FORWARDED_PROTO") in ("http", "https"):
                environ["wsgi.url_scheme"] = environ["HTTP_X_FORWARDED_PROTO"]
        else:
            for key in _FORWARDED:
                environ.pop(key, None)
        return address


def problem_response(error: BaseException, cid: str) -> Response:
    """The problem details (RFC 9457) of an error as a response."""
    response = Response(
        status=error.status if isinstance(error, HansaError) else 500, cid=cid, content_type=PROBLEM
    )
    if isinstance(error, HansaError):
        response.headers.update(error.headers)
    details = problem(error, cid)
    try:
        response.raw = msgspec.json.encode(details)
    except UnicodeEncodeError:
        response.raw = msgspec.json.encode(
            {**details, "detail": str(details["detail"]).encode("ascii", "replace").decode()}
        )
    response.error = error
    return response


class Answering:
    """Answers one request: Hansa's own addresses first, then the channel that the table has for it."""

    def __init__(self, table: Table, gate: Gate, proxies: Proxies) -> None:
        self.table = table
        self.gate = gate
        self.proxies = proxies
        self.own = {"/hansa/ping": self.ping, "/hansa/live": self.live, "/hansa/ready": self.ready}

    def __call__(self, environ: dict[str, Any]) -> Response:
        """The response to what the WSGI environment asks; never raises."""
        cid = environ.get("HTTP_X_HANSA_CID") or environ.get("HTTP_X_ZATO_CID")
        if cid is None or not _CID(cid):
            cid = new_cid()
        try:
            path = environ["PATH_INFO"] or "/"
            if not path.isascii():
                path = decode_path(path)
            if path in self.own:
                return self.own[path](environ["REQUEST_METHOD"], cid)
            peer = self.proxies.peer(environ)
            channel, variables, refused = self.table.find(path, environ)
            query = (
                parse_query(environ["QUERY_STRING"]) if environ.get("QUERY_STRING") else _NOTHING
            )
            if channel is None or not channel.merges or not (query or variables):
                params = _NOTHING
            else:
                params = {**query, **variables} if channel.path_wins else {**variables, **query}
            length = environ.get("CONTENT_LENGTH")
            request = Request(
                environ["wsgi.input"].read(int(length)) if length and length != "0" else b"",
                headers=Headers(environ),
                params=params,
                method=environ["REQUEST_METHOD"],
                path=path,
                peer=peer,
                environ=environ,
                cid=cid,
                extra={"path_params": variables, "query": query},
            )
            environ["hansa.request"] = request
            return (
                channel.answer(request) if channel is not None else self._mismatch(refused, request)
            )
        except HansaError as error:
            return problem_response(error, cid)
        except Exception as error:
            log.exception("a request could not be answered (cid %s)", cid)
            return problem_response(error, cid)

    def _mismatch(self, refused: list[Any], request: Request) -> Response:
        if not refused:
            if request.path == "*" and request.method == "OPTIONS":
                return Response(status=204, cid=request.cid)
            raise NoChannel(f"nothing is found at {request.path}")
        channel = refused[0]
        error: HansaError = channel.mismatch(request.environ, refused)
        if request.method == "OPTIONS" and "Allow" in error.headers:
            response = Response(status=204, cid=request.cid)
            response.headers["Allow"] = error.headers["Allow"]
            return response
        return channel.fail(error, request) or problem_response(error, request.cid)

    def ping(self, method: str, cid: str) -> Response:
        """Whether anybody is there."""
        return _own({"pong": "hansa", "cid": cid}, method, cid)

    def live(self, method: str, cid: str) -> Response:
        """Whether this process works; says nothing of what it depends on."""
        return _own({"live": True, "cid": cid}, method, cid)

    def ready(self, method: str, cid: str) -> Response:
        """Whether this worker wants requests; 503 and the reason if not."""
        why = "draining" if self.gate.draining else self.gate.unready()
        if why:
            raise Unavailable(f"not ready: {why}")
        return _own({"ready": True, "cid": cid}, method, cid)


def _own(found: dict[str, Any], method: str, cid: str) -> Response:
    if method == "OPTIONS":
        response = Response(status=204, cid=cid)
        response.headers["Allow"] = "GET, HEAD, OPTIONS, POST"
        return response
    response = Response(cid=cid, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.raw = msgspec.json.encode(found)
    return response


def write(response: Response, out: falcon.Response) -> Response:
    """Put a response into falcon's, and give it back; one that cannot be sent becomes an unexpected error, which is logged."""
    cid = response.cid
    status, content_type = response.status, response.content_type
    try:
        if not isinstance(response.raw, bytes):
            raise TypeError(f"the body of a response is bytes, not {type(response.raw).__name__}")
        if status != 200:
            if not isinstance(status, int) or not 200 <= status <= 599:
                raise ValueError(f"{status!r} is no status of an HTTP response")
            out.status = status
        if response.headers:
            for name, value in response.headers.items():
                _write_header(name, value, out)
        if content_type:
            if not content_type.isprintable():
                raise ValueError(f"{content_type!r} is no content type")
            out.content_type = content_type
    except (TypeError, ValueError, AttributeError) as error:
        log.error("the response cannot be sent (cid %s): %s", cid, error)
        response = problem_response(error, cid)
        out.status, out.content_type = 500, PROBLEM
    out.data = response.raw
    out.set_header("X-Hansa-CID", cid)
    return response


def _write_header(name: str, value: Any, out: falcon.Response) -> None:
    if not isinstance(name, str) or not _TOKEN(name):
        raise ValueError(f"{name!r} is no name of a header")
    if name.lower() in _OF_THE_SERVER:
        return
    for one in value if isinstance(value, list | tuple) else (str(value),):
        if "\r" in one or "\n" in one or "\0" in one:
            raise ValueError(f"the header {name} has a line end in it")
        one.encode("latin-1")
        if name.lower() == "set-cookie" or (one is not value and isinstance(value, list | tuple)):
            out.append_header(name, one)
        else:
            out.set_header(name, one)


class _Bare(falcon.Request):
    """A request of which falcon needs only this much.

    PERF: falcon would read the query string, leniently, before ours is read strictly.
    """

    def __init__(self, env: dict[str, Any], options: Any = None) -> None:
        self.env = env
        self.method = env["REQUEST_METHOD"]
        self.path = "/"
        self.is_websocket = False


class _AnyMethod(dict[str, Any]):
    """One responder for every method."""

    def __missing__(self, method: str) -> Any:
        return self[""]


class _ToTheTable(CompiledRouter):
    """A falcon router for which every path has the same responder: channels come and go, falcon's own routes cannot."""

    def __init__(self, responder: Callable[[falcon.Request, falcon.Response], None]) -> None:
        super().__init__()
        self._route: Any = (self, _AnyMethod({"": responder}), {}, None)

    def find(self, uri: str, req: falcon.Request | None = None) -> Any:
        """The one responder."""
        return self._route


def create_app(
    table: Table,
    gate: Gate | None = None,
    proxies: Proxies | None = None,
    access: AccessLog | None = None,
) -> falcon.App[Any, Any]:
    """The WSGI application over a table; `gate` tells whether it is ready, `proxies` whose word counts."""
    answer = Answering(table, gate or Gate(), proxies or Proxies(()))

    note = access.write if access is not None else None

    def respond(req: falcon.Request, resp: falcon.Response) -> None:
        began, environ = time.time(), req.env
        response = write(answer(environ), resp)
        if note is not None:
            note(environ, response, began)
        # PERF: what hold each other would stay until the collector comes by: environment and request, response and traceback
        environ.pop("hansa.request", None)
        response.error = None

    def failed(
        req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
    ) -> None:
        cid = new_cid()
        if isinstance(error, falcon.HTTPError):
            refused = Invalid(error.title or "malformed request")
            refused.status = error.status_code
            response = write(problem_response(refused, cid), resp)
        else:
            log.error("a request could not be answered (cid %s)", cid, exc_info=error)
            response = write(problem_response(error, cid), resp)
        if note is not None:
            note(req.env, response, time.time())

    app: falcon.App[Any, Any] = falcon.App(
        media_type="text/plain; charset=utf-8", request_type=_Bare, router=_ToTheTable(respond)
    )
    app.add_error_handler((Exception, falcon.HTTPError), failed)
    return app
