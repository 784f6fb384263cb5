"""The outgoing connection http: a pool of connections to one address, with time-outs, a deadline, and retries."""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

from hansa import Format, Invalid, Outgoing, Unavailable, current_cid

from .address import VARIABLE, HttpAddress
from .deadline import deadline, left
from .response import HttpResponse
from .retry import AFTER, IDEMPOTENT, Broken, NotSent, pause

if TYPE_CHECKING:
    from .exchange import Exchange

_HOPS = 5


class HttpOutgoing(Outgoing):
    """Calls an HTTP server; usable from many threads at once.

    Every call answers within its deadline, or raises `TimedOut` or `Unavailable`, which name the connection. Calls that may be
    repeated (GET, HEAD, PUT, DELETE, OPTIONS, TRACE) are tried again after a failure, any call if it was never sent. Cookies
    are not kept.
    """

    type: ClassVar[str] = "http"
    Config = HttpAddress
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
            self._context, exchange, self._exchange = None, self._exchange, None
        if exchange is not None:
            exchange.close()

    def _pool(self) -> Exchange:
        with self._making:
            if self._exchange is None:
                if self._context is None:
                    raise Unavailable(f"{self.label} is not running")
                from .exchange import (
                    Exchange,  # PERF: its library takes long to import, a worker starts without it
                )

                self._exchange = Exchange(
                    self.label, self._context, self.config.pool_size, self.config.max_response
                )
            return self._exchange

    def _tls(self) -> ssl.SSLContext:
        verify = self.config.verify
        if isinstance(verify, str):
            path = Path(verify)
            return ssl.create_default_context(
                cafile=None if path.is_dir() else path, capath=path if path.is_dir() else None
            )
        if verify and self.config.address.startswith("https:"):
            import httpx2

            return httpx2.create_ssl_context(verify=True, trust_env=False)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    # -- calls -------------------------------------------------------------------------------------------------------

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
        """Call the other side and give back its answer, whatever its status.

        `data` is bytes, text, or objects, which the connection's format writes. `params` fill the variables of the path, the rest
        of them goes into the query string. `timeout` replaces the connection's for this call, and its deadline if that is less.
        Raises `TimedOut`, `Unavailable`, `BadAnswer` (too large, or no HTTP) and `Invalid` (what cannot be sent).
        """
        url = self.url(params or {})
        sent = self._headers(headers or {}, cid)
        content = self._content(data, sent)
        at_most = self.config.timeout if timeout is None else timeout
        with deadline(
            self.config.deadline if timeout is None else max(self.config.deadline, timeout)
        ):
            return self._try(method.upper(), url, sent, content, at_most)

    def ping(self) -> str:
        """Ask for the ping path; any answer with a status below 500 will do."""
        path = self.config.ping_path or self.config.url_path
        path = "" if VARIABLE.search(path) else path
        url, timeout = self.config.address.rstrip("/") + path, self.config.timeout
        try:
            with deadline(timeout):
                answer = self._once(
                    self.config.ping_method, url, self._headers({}, ""), b"", timeout
                )
        except NotSent as failure:
            raise failure.told from failure.__cause__
        if answer.status >= 500:
            raise Unavailable(
                f"{self.label}: {answer.url} was answered with status {answer.status}"
            )
        return f"{answer.method} {answer.url}: status {answer.status} in {answer.seconds * 1000:.0f} ms"

    # -- what is sent ------------------------------------------------------------------------------------------------

    def url(self, params: Mapping[str, Any]) -> str:
        """The URL of a call: path variables are taken from `params`, the rest becomes the query string.

        None leaves a parameter out, a list repeats it. Raises `Invalid` for a variable that is missing, or that would lead to
        another path.
        """
        rest = {name: value for name, value in params.items() if value is not None}
        faults: dict[str, str] = {}

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            value = _text(rest.pop(name)) if name in rest else ""
            if value in ("", ".", ".."):
                faults[name] = (
                    "is needed for the path"
                    if not value
                    else f"{value!r} would lead to another path"
                )
            return quote(value, safe="")

        path = VARIABLE.sub(fill, self.config.url_path)
        if faults:
            raise Invalid(
                faults,
                f"{self.label}: " + "; ".join(f"{name} {fault}" for name, fault in faults.items()),
            )
        query = urlencode(
            [
                (n, _text(v))
                for n, value in rest.items()
                for v in (value if isinstance(value, list | tuple) else (value,))
            ]
        )
        url: str = self.config.address.rstrip("/") + path
        return url + ("&" if "?" in path else "?") + query if query else url

    def _headers(self, given: Mapping[str, str], cid: str) -> dict[str, str]:
        headers = {**self.config.headers, **given}
        cid = cid or current_cid.get()
        if cid and cid != "-" and not any(name.lower() == "x-hansa-cid" for name in headers):
            headers["X-Hansa-CID"] = cid
        return headers

    def _content(self, data: Any, headers: dict[str, str]) -> bytes:
        if data is None:
            return b""
        kind = next(
            (value for name, value in headers.items() if name.lower() == "content-type"), ""
        )
        if isinstance(data, bytes | bytearray | memoryview):
            return bytes(data)
        if isinstance(data, str):
            content, written = data.encode(), "text/plain; charset=utf-8"
            if self.config.format:
                written = self._format(self.config.format).content_type
        elif kind.startswith("application/x-www-form-urlencoded"):
            content, written = (
                urlencode({n: v for n, v in data.items() if v is not None}, doseq=True).encode(),
                kind,
            )
        elif self.config.format:
            format = self._format(self.config.format)
            content, written = format.render(data), format.content_type
        else:
            raise Invalid(
                f"{self.label} has no format: it can send bytes or text, and no {data.__class__.__name__}"
            )
        if not kind:
            headers["Content-Type"] = written
        return content

    def _format(self, name: str) -> Format:
        format: Format = self.server.registry.format(name).cls(self.config)
        return format

    # -- trying ------------------------------------------------------------------------------------------------------

    def _try(
        self, method: str, url: str, headers: dict[str, str], content: bytes, timeout: float
    ) -> HttpResponse:
        """Call, again and again where that may help and does no harm."""
        repeatable = method in IDEMPOTENT
        for attempt in range(self.config.retries + 1):
            answer, failure = None, None
            try:
                answer = self._follow(method, url, headers, content, timeout)
                if answer.status not in AFTER or not repeatable:
                    return answer
            except NotSent as error:
                failure = error
                if not repeatable and isinstance(error, Broken):
                    break
            if attempt < self.config.retries:
                wait = pause(
                    attempt, self.config.retry_delay, answer.headers if answer is not None else {}
                )
                rest = left()
                if rest is not None and wait >= rest:
                    break
                self.log.info(
                    "%s: %s %s again in %.2f s: %s",
                    self.label,
                    method,
                    url,
                    wait,
                    failure or answer,
                )
                time.sleep(wait)
        if answer is not None:
            return answer
        assert failure is not None
        self._troubled = True
        self.trouble(failure.told.detail)
        raise failure.told from failure.__cause__

    def _follow(
        self, method: str, url: str, headers: dict[str, str], content: bytes, timeout: float
    ) -> HttpResponse:
        for _ in range(_HOPS):
            answer = self._once(method, url, headers, content, timeout)
            target = self._redirect(method, answer) if self.config.follow_redirects else None
            if target is None:
                return answer
            if answer.status == 303 and method != "HEAD":
                method, content = "GET", b""
            url = target
        return answer

    def _redirect(self, method: str, answer: HttpResponse) -> str | None:
        """Where a redirect leads, if it may be followed: to the same host and port, and with the method that is meant."""
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
        exchange, signed = self._exchange or self._pool(), dict(headers)
        security = self.security
        if security is not None:
            security.sign(signed)
        began = time.monotonic()
        status, received, body = exchange.send(method, url, signed, content, timeout)
        if self._troubled:
            self._troubled = False
            self.trouble("")
        return HttpResponse(
            self.label, method, url, status, received, body, time.monotonic() - began, self._parse
        )

    def _parse(self, content_type: str, content: bytes) -> Any:
        name = _format_of(self.server.registry, content_type) or self.config.format
        if not name:
            encoding = "utf-8"
            return content.decode(encoding, "replace")
        return self._format(name).parse(content)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode() if isinstance(value, bytes) else str(value)


@lru_cache(maxsize=256)
def _formats(types: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, str]:
    return {
        content_type.partition(";")[0]: name
        for name, content_types in reversed(types)
        for content_type in content_types
    }


def _format_of(registry: Any, content_type: str) -> str:
    """The format that reads a content type; `application/x+json` is read as JSON."""
    known = _formats(
        tuple((found.type, tuple(found.cls.content_types)) for found in registry.formats())
    )
    suffix = content_type.rpartition("+")[2] if "+" in content_type else ""
    return known.get(content_type) or (known.get(f"application/{suffix}", "") if suffix else "")
