"""The outgoing connection http: a pool of connections to one address, with time-outs, a deadline,
and retries.
"""

from __future__ import annotations

import builtins
import re
import ssl
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

from hansa import (
    Format,
    Invalid,
    Model,
    Outgoing,
    Registry,
    Unavailable,
    current_cid,
    deadline,
    time_left,
)
from typing_extensions import TypeVar

from .address import VARIABLE, HttpAddress
from .response import HttpResponse
from .retry import AFTER, IDEMPOTENT, Broken, NotSent, pause

if TYPE_CHECKING:
    from .exchange import Exchange

_HOPS = 5
"""Maximum redirects that are followed."""

AddressT = TypeVar("AddressT", bound=HttpAddress, default=HttpAddress)


class HttpOutgoing(Outgoing[AddressT]):
    """Calls an HTTP server; usable from many threads at once.

    Every call answers within its deadline, or raises `TimedOut` or `Unavailable`, which name the
    connection. Calls that may be repeated (GET, HEAD, PUT, DELETE, OPTIONS, TRACE) are tried again
    after a failure, any call if it was never sent. Cookies are not kept.
    """

    type: ClassVar[str] = "http"
    Config: ClassVar[builtins.type[Model]] = HttpAddress
    _exchange: Exchange | None = None
    _context: ssl.SSLContext | None = None
    _making = threading.Lock()
    _troubled = False

    @property
    def label(self) -> str:
        """What errors call this connection."""
        return f"outgoing {self.type} {self.name!r}"

    def start(self) -> None:
        """Read the certificates; connections open when they are needed."""
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
                from .exchange import Exchange

                config = self.config
                self._exchange = Exchange(
                    self.label, self._context, config.pool_size, config.max_response
                )
            return self._exchange

    def _tls(self) -> ssl.SSLContext:
        verify = self.config.verify
        if isinstance(verify, str):
            path = Path(verify)
            if path.is_dir():
                return ssl.create_default_context(capath=path)
            return ssl.create_default_context(cafile=path)
        if verify and self.config.address.startswith("https:"):
            import httpx2

            return httpx2.create_ssl_context(verify=True, trust_env=False)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
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
        headers: Mapping[str, str] | None = None,
        cid: str = "",
        timeout: float | None = None,
    ) -> HttpResponse:
        """Call the other side and return its answer, whatever its status.

        `data` is bytes, text, or objects, which the connection's format writes. `params` fill the
        variables of the path, the rest of them goes into the query string. `timeout` replaces the
        connection's for this call, and its deadline if that is less. Raises `TimedOut`,
        `Unavailable`, `BadAnswer` (too large, or no HTTP) and `Invalid` (what cannot be sent).
        """
        url = self.url(params or {})
        sent = self._headers(headers or {}, cid)
        content = self._content(data, sent)
        seconds = self.config.deadline
        if timeout is None:
            timeout = self.config.timeout
        else:
            seconds = max(seconds, timeout)
        with deadline(seconds):
            return self._try(method.upper(), url, sent, content, timeout)

    def fetch(self, url: str) -> HttpResponse:
        """GET a document by its whole URL, with the headers, security, time-outs and retries of this
        connection.

        It is signed as calls are, so `url` must be at the server of the address. Raises what
        `request` raises.
        """
        with deadline(self.config.deadline):
            return self._try("GET", url, self._headers({}, ""), b"", self.config.timeout)

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
            raise failure.error from failure.__cause__
        if answer.status >= 500:
            raise Unavailable(
                f"{self.label}: {answer.url} was answered with status {answer.status}"
            )
        took = f"{answer.seconds * 1000:.0f} ms"
        return f"{answer.method} {answer.url}: status {answer.status} in {took}"

    # -- what is sent ------------------------------------------------------------------------------

    def url(self, params: Mapping[str, Any]) -> str:
        """The URL of a call: path variables are taken from `params`, the rest becomes the query
        string.

        None leaves a parameter out, a list repeats it. Raises `Invalid` for a variable that is
        missing, or that would lead to another path.
        """
        rest = {name: value for name, value in params.items() if value is not None}
        path = self._path(rest)
        pairs = []
        for name, value in rest.items():
            for one in value if isinstance(value, list | tuple) else (value,):
                pairs.append((name, _text(one)))
        url = self.config.address.rstrip("/") + path
        if not pairs:
            return url
        return url + ("&" if "?" in path else "?") + urlencode(pairs)

    def _path(self, params: dict[str, Any]) -> str:
        """Return the path of a call; the variables in it are taken out of `params`."""
        faults: dict[str, str] = {}

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            value = _text(params.pop(name)) if name in params else ""
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
        headers = {**self.config.headers, **given}
        cid = cid or current_cid.get()
        if cid and cid != "-" and not any(name.lower() == "x-hansa-cid" for name in headers):
            headers["X-Hansa-CID"] = cid
        return headers

    def _content(self, data: Any, headers: dict[str, str]) -> bytes:
        """Return the body of a call, and add its content type to the headers unless they name one."""
        if data is None:
            return b""
        if isinstance(data, bytes | bytearray | memoryview):
            return bytes(data)
        given = next((headers[name] for name in headers if name.lower() == "content-type"), "")
        content, content_type = self._rendered(data, given)
        if not given:
            headers["Content-Type"] = content_type
        return content

    def _rendered(self, data: Any, given: str) -> tuple[bytes, str]:
        """Return text or objects as bytes, with their content type; `given` is the one that is
        asked for.
        """
        format = self._format(self.config.format) if self.config.format else None
        if isinstance(data, str):
            content_type = format.content_type if format else "text/plain; charset=utf-8"
            return data.encode(), content_type
        if given.startswith("application/x-www-form-urlencoded"):
            fields = {name: value for name, value in data.items() if value is not None}
            return urlencode(fields, doseq=True).encode(), given
        if format is None:
            kind = type(data).__name__
            raise Invalid(f"{self.label} has no format: it can send bytes or text, and no {kind}")
        return format.render(data), format.content_type

    def _format(self, name: str) -> Format:
        return self.server.registry.format(name).cls(self.config)

    # -- trying ------------------------------------------------------------------------------------

    def _try(
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
        self._troubled = True
        self.trouble(failure.error.detail)
        raise failure.error from failure.__cause__

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
        self.log.info("%s: %s %s again in %.2f s: %s", self.label, method, url, wait, reason)
        time.sleep(wait)
        return True

    def _follow(
        self, method: str, url: str, headers: dict[str, str], content: bytes, timeout: float
    ) -> HttpResponse:
        for _ in range(_HOPS):
            answer = self._once(method, url, headers, content, timeout)
            target = self._redirect(method, answer) if self.config.follow_redirects else None
            if target is None:
                return answer
            if answer.status == 303 and method != "HEAD":
                method = "GET"
                content = b""
            url = target
        return answer

    def _redirect(self, method: str, answer: HttpResponse) -> str | None:
        """Return where a redirect leads, if it may be followed: to the same host and port, and with
        the method that is meant.
        """
        where = answer.headers.get("location")
        if not where or answer.status not in (301, 302, 303, 307, 308):
            return None
        if answer.status in (301, 302) and method not in ("GET", "HEAD"):
            return None
        target = urljoin(answer.url, where)
        return target if urlsplit(target)[:2] == urlsplit(answer.url)[:2] else None

    def _once(
        self, method: str, url: str, headers: dict[str, str], content: bytes, timeout: float
    ) -> HttpResponse:
        exchange = self._exchange or self._pool()
        signed = dict(headers)
        security = self.security
        if security is not None:
            security.sign(signed)
        began = time.monotonic()
        status, received, body = exchange.send(method, url, signed, content, timeout)
        if self._troubled:
            self._troubled = False
            self.trouble("")
        took = time.monotonic() - began
        return HttpResponse(self.label, method, url, status, received, body, took, self._parse)

    def _parse(self, content_type: str, content: bytes) -> Any:
        name = _format_of(self.server.registry, content_type) or self.config.format
        if not name:
            return content.decode("utf-8", "replace")
        return self._format(name).parse(content)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode() if isinstance(value, bytes) else str(value)


@lru_cache(maxsize=256)
def _formats(types: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, str]:
    """Return formats by content type; of several that read one, the first."""
    found: dict[str, str] = {}
    for name, content_types in types:
        for content_type in content_types:
            found.setdefault(content_type.partition(";")[0], name)
    return found


def _format_of(registry: Registry, content_type: str) -> str:
    """Return the format that reads a content type; `application/x+json` is read as JSON."""
    known = _formats(
        tuple((found.type, tuple(found.cls.content_types)) for found in registry.formats())
    )
    if content_type in known:
        return known[content_type]
    _, plus, suffix = content_type.rpartition("+")
    return known.get(f"application/{suffix}", "") if plus else ""
