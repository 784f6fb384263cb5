"""The outgoing connection http: a pool of connections to one address, with time-outs, a deadline,
and retries.
"""

from __future__ import annotations

import builtins
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec
from urllib.parse import quote, urlencode

from hansa import (
    HansaError,
    Invalid,
    Model,
    Outgoing,
    OutgoingRequest,
    Unavailable,
    current_cid,
    deadline,
    event_loop,
    time_left,
    trace_headers,
)
from hansa_connect.tls import context_of, definitions_of, present, resolved
from typing_extensions import TypeVar

from .address import VARIABLE, HttpAddress
from .content import BodyWriter, Files, header_of, pairs_of, set_header, text_of
from .formats import ConnectionFormats
from .forward_proxy import ProxyRoutes
from .redirect import MOST_REDIRECTS, redirect_of, with_query, without_parameters, without_query
from .remedy import USE_ANOTHER_METHOD, remedy_of
from .response import HttpResponse
from .retry import AFTER, IDEMPOTENT, Broken, NotSent, pause

if TYPE_CHECKING:
    from .exchange import Exchange

_UNAUTHORIZED = 401

P = ParamSpec("P")
T = TypeVar("T")
AddressT = TypeVar("AddressT", bound=HttpAddress, default=HttpAddress)


class HttpOutgoing(Outgoing[AddressT]):
    """Calls an HTTP server; usable from many threads at once, and on the event loop.

    Every call answers within its deadline, or raises `TimedOut` or `Unavailable`, which name the
    connection. Calls that may be repeated (GET, HEAD, PUT, DELETE, OPTIONS, TRACE) are tried again
    after a failure, any call if it was never sent. Cookies are kept only if the setting says so.
    """

    type: ClassVar[str] = "http"
    Config: ClassVar[builtins.type[Model]] = HttpAddress
    waits_on_loop = True
    _exchange: Exchange | None = None
    _context: ssl.SSLContext | None = None
    _routes: ProxyRoutes | None = None
    _making = threading.Lock()
    _troubled = False

    @property
    def label(self) -> str:
        """What errors call this connection."""
        return f"outgoing {self.type} {self.name!r}"

    def start(self) -> None:
        """Read the certificates and find the proxy; connections open when they are needed."""
        proxy = self.config.proxy
        self._routes = None if proxy is None else ProxyRoutes(proxy)
        self._context = self._tls()

    def stop(self) -> None:
        """Close the pool."""
        with self._making:
            exchange = self._exchange
            self._exchange = None
            self._context = None
        if exchange is not None:
            exchange.close()

    def _pool(self) -> Exchange:
        with self._making:
            if self._exchange is None:
                if self._context is None:
                    raise Unavailable(f"{self.label} is not running")
                # PERF: its library takes long to import, a worker starts without it
                from .exchange import Exchange, SessionCookies

                config = self.config
                self._exchange = Exchange(
                    self.label,
                    self._context,
                    config.pool_size,
                    config.max_response,
                    routes=self._routes,
                    cookies=SessionCookies() if config.cookies else None,
                )
            return self._exchange

    @classmethod
    def logins(cls, config: AddressT) -> Iterable[str]:
        """Return the security definitions that supply certificates: when one of them is edited, the
        connection is replaced.
        """
        return definitions_of(config)

    def _tls(self) -> ssl.SSLContext:
        config = resolved(self.config, self.server.objects)
        if config.tls_ca:
            return context_of(config)
        # the certificates of a proxy are verified, too
        encrypted = config.address.startswith("https:") or self._routes is not None
        if config.verify and encrypted:
            import httpx2

            context = httpx2.create_ssl_context(verify=True, trust_env=False)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not config.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        present(context, config)
        return context

    # -- calls -------------------------------------------------------------------------------------

    def get(self, params: Mapping[str, Any] | None = None, **options: Any) -> HttpResponse:
        """GET; see `request`."""
        return self.request("GET", None, params, **options)

    def head(self, params: Mapping[str, Any] | None = None, **options: Any) -> HttpResponse:
        """HEAD; see `request`."""
        return self.request("HEAD", None, params, **options)

    def options(self, params: Mapping[str, Any] | None = None, **options: Any) -> HttpResponse:
        """OPTIONS; see `request`."""
        return self.request("OPTIONS", None, params, **options)

    def delete(
        self, data: Any = None, params: Mapping[str, Any] | None = None, **options: Any
    ) -> HttpResponse:
        """DELETE; see `request`."""
        return self.request("DELETE", data, params, **options)

    def post(
        self, data: Any = None, params: Mapping[str, Any] | None = None, **options: Any
    ) -> HttpResponse:
        """POST; see `request`."""
        return self.request("POST", data, params, **options)

    def put(
        self, data: Any = None, params: Mapping[str, Any] | None = None, **options: Any
    ) -> HttpResponse:
        """PUT; see `request`."""
        return self.request("PUT", data, params, **options)

    def patch(
        self, data: Any = None, params: Mapping[str, Any] | None = None, **options: Any
    ) -> HttpResponse:
        """PATCH; see `request`."""
        return self.request("PATCH", data, params, **options)

    def request(
        self,
        method: str,
        data: Any = None,
        params: Mapping[str, Any] | None = None,
        *,
        files: Files | None = None,
        headers: Mapping[str, str] | None = None,
        cid: str = "",
        timeout: float | None = None,
    ) -> HttpResponse:
        """Call the other side and return its answer, whatever its status.

        `data` is bytes, text, or objects, which the format of the Content-Type in `headers` writes,
        or else the connection's; with `files`, or a content type of forms, `data` is the fields of
        a form. `params` fill the variables of the path, the rest of them goes into the query
        string. `timeout` replaces the connection's for this call, and its deadline if that is less.
        Raises `TimedOut`, `Unavailable`, `BadAnswer` (too large, not to be decoded, or no HTTP) and
        `Invalid` (what cannot be sent).
        """
        url = self.url(params or {})
        sent = self._headers(headers or {}, cid)
        content = self._bodies.write(data, files, sent)
        seconds = self.config.deadline
        if timeout is None:
            timeout = self.config.timeout
        else:
            seconds = max(seconds, timeout)
        with deadline(seconds), self.observed() as observation:
            answer = self._try(method.upper(), url, sent, content, timeout)
            if answer.status >= 400:
                observation.code = f"status-{answer.status}"
            return answer

    def fetch(self, url: str) -> HttpResponse:
        """GET a document by its whole URL, with the headers, security, time-outs and retries of
        this connection.

        It is signed as calls are, so `url` must be at the server of the address. Raises what
        `request` raises.
        """
        headers = self._headers({}, "")
        try:
            with deadline(self.config.deadline):
                return self._repeat("GET", url, headers, b"", self.config.timeout)
        except NotSent as failure:
            raise _explained(failure, url) from failure.__cause__

    def ping(self) -> str:
        """Ask for the ping path; any answer with a status below 500 will do."""
        path = self.config.ping_path or self.config.url_path
        if VARIABLE.search(path):
            path = ""
        url = self.config.address.rstrip("/") + path
        method = self.config.ping_method
        timeout = self.config.timeout
        try:
            with deadline(timeout):
                answer = self._once(method, url, self._headers({}, ""), b"", timeout)
        except NotSent as failure:
            explained = _explained(failure, url)
            if method == "HEAD" and isinstance(failure, Broken):
                explained = type(explained)(f"{explained.detail}; {USE_ANOTHER_METHOD}")
            raise explained from failure.__cause__
        shown = without_query(url)
        if answer.status >= 500:
            fault = f"{self.label}: {shown} was answered with status {answer.status}"
            if method == "HEAD":
                fault += f"; {USE_ANOTHER_METHOD}"
            raise Unavailable(fault)
        took = f"{answer.seconds * 1000:.0f} ms"
        return f"{answer.method} {shown}: status {answer.status} in {took}"

    # -- what is sent ------------------------------------------------------------------------------

    def url(self, params: Mapping[str, Any]) -> str:
        """The URL of a call: path variables are taken from `params`, the rest becomes the query
        string.

        None leaves a parameter out, a list repeats it. Raises `Invalid` for a variable that is
        missing, or that would lead to another path.
        """
        rest = {name: value for name, value in params.items() if value is not None}
        path = self._path(rest)
        return with_query(self.config.address.rstrip("/") + path, urlencode(pairs_of(rest)))

    def _path(self, params: dict[str, Any]) -> str:
        """Return the path of a call; the variables in it are taken out of `params`."""
        faults: dict[str, str] = {}

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            value = text_of(params.pop(name)) if name in params else ""
            if not value:
                faults[name] = "is needed for the path"
            elif value in (".", ".."):
                faults[name] = f"{value!r} would lead to another path"
            return quote(value, safe="")

        path = VARIABLE.sub(fill, self.config.url_path)
        if faults:
            listed = "; ".join(f"{name} {fault}" for name, fault in faults.items())
            raise Invalid(faults, f"{self.label}: {listed}")
        return path

    def _headers(self, given: Mapping[str, str], cid: str) -> dict[str, str]:
        headers = dict(self.config.headers)
        for name, value in given.items():
            set_header(headers, name, value)
        cid = cid or current_cid.get()
        if cid and cid != "-" and not header_of(headers, "X-Hansa-CID"):
            headers["X-Hansa-CID"] = cid
        # whoever passes on a trace of their own does so with both headers
        if not header_of(headers, "traceparent"):
            for name, value in trace_headers().items():
                set_header(headers, name, value)
        return headers

    @cached_property
    def _formats(self) -> ConnectionFormats:
        return ConnectionFormats(self.server.registry, self.config.format, self.config)

    @cached_property
    def _bodies(self) -> BodyWriter:
        return BodyWriter(self.label, self._formats, self.config.compression)

    # -- trying ------------------------------------------------------------------------------------

    def _try(
        self, method: str, url: str, headers: dict[str, str], content: bytes, timeout: float
    ) -> HttpResponse:
        """Call, and report why if that fails: the caller's error does not say where the peer is."""
        try:
            return self._repeat(method, url, headers, content, timeout)
        except NotSent as failure:
            shown = without_query(url)
            self._troubled = True
            self.trouble(f"{failure}: {method} {shown}")
            self.log.warning("%s: %s %s failed: %s", self.label, method, shown, failure)
            raise failure.error from failure.__cause__

    def _repeat(
        self, method: str, url: str, headers: dict[str, str], content: bytes, timeout: float
    ) -> HttpResponse:
        """Call, again and again where that may help and does no harm."""
        repeatable = method in IDEMPOTENT
        retries = self.config.retries
        for attempt in range(retries + 1):
            answer: HttpResponse | None = None
            failure: NotSent | None = None
            try:
                answer = self._follow(method, url, headers, content, timeout)
                if answer.status not in AFTER or not repeatable:
                    return answer
            except NotSent as error:
                failure = error
                if not repeatable and isinstance(error, Broken):
                    break
            if attempt == retries or not self._pause(method, url, attempt, answer, failure):
                break
        if answer is not None:
            return answer
        assert failure is not None
        raise failure

    def _pause(
        self,
        method: str,
        url: str,
        attempt: int,
        answer: HttpResponse | None,
        failure: NotSent | None,
    ) -> bool:
        """Wait before another attempt; False if the deadline does not leave the time."""
        headers = answer.headers if answer is not None else {}
        wait = pause(attempt, self.config.retry_delay, headers)
        rest = time_left()
        if rest is not None and wait >= rest:
            return False
        reason = failure or answer
        shown = without_query(url)
        self.log.info("%s: %s %s again in %.2f s: %s", self.label, method, shown, wait, reason)
        event_loop.sleep(wait)
        return True

    def _follow(
        self, method: str, url: str, headers: dict[str, str], content: bytes, timeout: float
    ) -> HttpResponse:
        for _ in range(MOST_REDIRECTS):
            answer = self._once(method, url, headers, content, timeout)
            if not self.config.follow_redirects:
                return answer
            location = answer.headers.get("location", "")
            redirect = redirect_of(method, answer.url, answer.status, location)
            if redirect is None:
                return answer
            if redirect.fault:
                answer.fault = redirect.fault
                return answer
            if answer.status == 303 and method != "HEAD":
                method = "GET"
                content = b""
            url = redirect.url
        answer.fault = f"was redirected {MOST_REDIRECTS} times without an end"
        return answer

    def _once(
        self, method: str, url: str, headers: dict[str, str], content: bytes, timeout: float
    ) -> HttpResponse:
        """Call once; once more, signed anew, where what signed it has been replaced meanwhile."""
        request = OutgoingRequest(method=method, url=url, headers=dict(headers), body=content)
        answer = self._send(request, timeout)
        if answer.status == _UNAUTHORIZED and self._renew(request):
            self.log.info("%s: %s is sent again with a new proof of who we are", self.label, method)
            request = OutgoingRequest(method=method, url=url, headers=dict(headers), body=content)
            answer = self._send(request, timeout)
        return answer

    def _send(self, request: OutgoingRequest, timeout: float) -> HttpResponse:
        exchange = self._exchange or _apart(self._pool)
        self._sign(request)
        # the peer may send back a key in a redirect, it must not show
        url = without_parameters(request.url, set(request.query))
        signed_url = with_query(url, urlencode(request.query))
        began = time.monotonic()
        status, received, body = exchange.send(
            request.method,
            signed_url,
            request.headers,
            request.body,
            timeout,
            request.begin_handshake,
        )
        if self._troubled:
            self._troubled = False
            self.trouble("")
        took = time.monotonic() - began
        return HttpResponse(
            self.label, request.method, url, status, received, body, took, self._parse
        )

    def _renew(self, rejected: OutgoingRequest) -> bool:
        """Whether a request that was answered with status 401 is to be sent once more."""
        security = self.security
        return security is not None and _apart(security.renew, rejected)

    def _sign(self, request: OutgoingRequest) -> None:
        """Add what proves who we are to a request."""
        security = self.security
        if security is not None:
            _apart(security.sign_request, request)

    def _parse(self, answer: HttpResponse) -> Any:
        format = self._formats.of(answer.content_type) or self._formats.own
        if format is None:
            return answer.text
        return format.parse(answer.utf8)


def _apart(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a call returns that may block: on the event loop it is made in another thread."""
    if not event_loop.is_current:
        return function(*args, **kwargs)
    return event_loop.wait(event_loop.in_thread(function, *args, **kwargs))


def _explained(failure: NotSent, url: str) -> HansaError:
    """Return the error of a failed call for administrators: with its reason, where it led, and which
    setting to change.
    """
    remedy = remedy_of(f"{failure}", url)
    place = without_query(url)
    return type(failure.error)(f"{failure}: {place}; {remedy}" if remedy else f"{failure}: {place}")
