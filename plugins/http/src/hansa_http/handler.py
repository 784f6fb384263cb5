"""The request handler: from a WSGI environment to a response, by way of the channel that the table
has for it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from wsgiref.types import WSGIEnvironment

import msgspec
from hansa import HansaError, Request, Response, Unavailable, event_loop, new_cid

from .body import read_body
from .client_certificate import certificates_of
from .compression import check_acceptable, compress
from .cors import is_preflight
from .early import HttpSection
from .errors import NoChannel, problem_response
from .gate import Gate
from .own_paths import LIVE, PING, READY
from .path import path_of, shown
from .proxies import Proxies
from .query import Headers, parse_query
from .serving import LARGE_BODY
from .table import Table

if TYPE_CHECKING:
    from .channel import AnyHttpChannel

log = logging.getLogger("hansa.http")

Handled = tuple[Response, Request | None]
"""A response, and the request that it answers; None where there was no need for one, or it could
not be read.
"""

_is_cid = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch
_NOTHING: Mapping[str, Any] = {}


class RequestHandler:
    """Answers one request: Hansa's own addresses first, then the channel that the table has for it."""

    def __init__(self, table: Table, gate: Gate, section: HttpSection) -> None:
        self.table = table
        self.gate = gate
        self.proxies = Proxies(section.trusted_proxies, str(section.proxy_secret or ""))
        self._max_body = section.max_body
        self._compress_over = section.compress_over
        self._cid_keys: tuple[str, ...] = ("HTTP_X_HANSA_CID",)
        self._own: dict[str, Callable[[str, str], Response]] = {
            PING: self._ping,
            LIVE: self._live,
            READY: self._ready,
        }

    def take_cid_from(self, header: str) -> None:
        """Take a caller's correlation id also from this header, where `X-Hansa-CID` and those added
        before are missing.
        """
        key = "HTTP_" + header.upper().replace("-", "_")
        if key not in self._cid_keys:
            self._cid_keys += (key,)

    def __call__(self, environ: WSGIEnvironment) -> Handled:
        """Return the response to what the WSGI environment asks, and the request; never raises."""
        response, request = self._handle(environ)
        if self._compress_over:
            if len(response.raw) < LARGE_BODY:
                compress(response, environ, self._compress_over)
            else:
                event_loop.aside(compress, response, environ, self._compress_over)
        return response, request

    def _handle(self, environ: WSGIEnvironment) -> Handled:
        cid = self._cid(environ)
        channel: AnyHttpChannel | None = None
        request: Request | None = None
        try:
            peer = self.proxies.peer(environ)
            path = path_of(environ)
            if path in self._own:
                return self._own[path](environ["REQUEST_METHOD"], cid), None
            check_acceptable(environ, self._compress_over > 0)
            if is_preflight(environ):
                preflight = self._preflight(path, environ, cid)
                if preflight is not None:
                    return preflight, None
            channel, variables, refused = self.table.find(path, environ)
            text = environ.get("QUERY_STRING")
            query = parse_query(text) if text else _NOTHING
            params = _NOTHING
            if channel is not None and (query or variables):
                params = channel.parameters(variables, query)
            request = Request(
                read_body(environ, self._max_body),
                headers=Headers(environ),
                params=params,
                method=environ["REQUEST_METHOD"],
                path=shown(path),
                peer=peer,
                environ=environ,
                certificates=certificates_of(environ),
                cid=cid,
                extra={"path_params": variables, "query": query},
            )
            if channel is None:
                return _mismatch(refused, request, environ), request
            response = _answer(channel, request)
        except HansaError as error:
            response = _refusal(channel, error, environ, cid)
        except Exception as error:
            log.exception("a request could not be answered (cid %s)", cid)
            response = problem_response(error, cid)
        if channel is not None and channel.cors is not None:
            channel.cors.allow(response, environ)
        return response, request

    def refuse(self, environ: WSGIEnvironment, error: HansaError) -> Response:
        """Return the answer to a request whose body is refused before it is read, in the shape that
        errors of its channel have; never raises.
        """
        cid = self._cid(environ)
        self.proxies.peer(environ)
        try:
            channel, _, _ = self.table.find(path_of(environ), environ)
        except HansaError:
            channel = None
        response = _refusal(channel, error, environ, cid)
        if channel is not None and channel.cors is not None:
            channel.cors.allow(response, environ)
        return response

    def _preflight(self, path: str, environ: WSGIEnvironment, cid: str) -> Response | None:
        """Return the answer to a browser that asks for a page of another origin; None where no
        channel for the method lets pages of other origins in.

        It is answered before security, since browsers send no credentials with it.
        """
        wanted = {**environ, "REQUEST_METHOD": environ["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]}
        channel, _, refused = self.table.find(path, wanted)
        here = refused if channel is None else [channel]
        for one in here:
            if one.cors is not None:
                response = Response(status=204, cid=cid)
                methods = {method for each in here for method in each.usual_methods}
                one.cors.answer_preflight(response, environ, methods)
                return response
        return None

    def _cid(self, environ: WSGIEnvironment) -> str:
        """Return the caller's correlation id if it gave a proper one, else a new one."""
        for key in self._cid_keys:
            given: str | None = environ.get(key)
            if given:
                return given if _is_cid(given) else new_cid()
        return new_cid()

    # -- Hansa's own addresses ---------------------------------------------------------------------

    def _ping(self, method: str, cid: str) -> Response:
        """Whether anybody is there."""
        return _own({"pong": "hansa", "cid": cid}, method, cid)

    def _live(self, method: str, cid: str) -> Response:
        """Whether this process works; says nothing of what it depends on."""
        return _own({"live": True, "cid": cid}, method, cid)

    def _ready(self, method: str, cid: str) -> Response:
        """Whether this worker wants requests; 503 and the reason if not."""
        why = self.gate.refusal()
        if why:
            raise Unavailable(f"not ready: {why}")
        return _own({"ready": True, "cid": cid}, method, cid)


def _answer(channel: AnyHttpChannel, request: Request) -> Response:
    """Have a channel answer; one that may block, not on the event loop: it may have taken the place
    of one that does not since the request came.
    """
    if event_loop.is_current and not channel.is_awaited:
        return event_loop.wait(event_loop.in_thread(channel.answer, request))
    return channel.answer(request)


def _refusal(
    channel: AnyHttpChannel | None, error: HansaError, environ: WSGIEnvironment, cid: str
) -> Response:
    """Return the answer to an error before the request has reached its channel."""
    if channel is not None:
        method = environ["REQUEST_METHOD"]
        request = Request(headers=Headers(environ), method=method, environ=environ, cid=cid)
        response = channel.fail(error, request)
        if response is not None:
            return response
    return problem_response(error, cid)


def _own(found: dict[str, object], method: str, cid: str) -> Response:
    if method == "OPTIONS":
        return _allowed("GET, HEAD, OPTIONS, POST", cid)
    response = Response(cid=cid, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.raw = msgspec.json.encode(found)
    return response


def _allowed(methods: str, cid: str) -> Response:
    response = Response(status=204, cid=cid)
    if methods:
        response.headers["Allow"] = methods
    return response


def _mismatch(
    refused: list[AnyHttpChannel], request: Request, environ: WSGIEnvironment
) -> Response:
    """Answer a request that no channel takes: those in `refused` have its path and did not accept
    it.
    """
    if not refused:
        if request.path == "*" and request.method == "OPTIONS":
            return _allowed("", request.cid)
        raise NoChannel(f"nothing is found at {request.path}")
    channel = refused[0]
    error = channel.mismatch(environ, refused)
    if request.method == "OPTIONS" and "Allow" in error.headers:
        return _allowed(error.headers["Allow"], request.cid)
    return channel.fail(error, request) or problem_response(error, request.cid)
