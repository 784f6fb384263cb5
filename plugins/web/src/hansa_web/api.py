"""The client of the admin API of one cluster: every page gets what it shows, and changes what it
changes, through this alone.
"""

from __future__ import annotations

import base64
import json
import logging
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeAlias

from hansa_cli.certificates import tls_context

from .connection import Destination
from .language.texts import gettext

if TYPE_CHECKING:
    # PERF: the login answers a tenth sooner, since what it does not need is imported by the first call
    import httpx2

log = logging.getLogger("hansa.web")

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object."""
PREFIX = "/hansa/api/"
STATUS = "admin.cluster.status"
CONNECT_LIMIT = 2.0
"""Seconds to connect to one address before the next one is tried."""
ANSWER_LIMIT = 120.0
"""Seconds to wait for an answer."""
ASKED_JSON = {"Accept": "application/json", "Accept-Encoding": "identity"}
MOST_AGENT = 300
"""Characters of the name of a browser that are passed on."""
AVOIDED = 5.0
"""Seconds for which an address that did not answer is tried last."""


@dataclass(frozen=True)
class Access:
    """What a session proves itself with to the API of a cluster: a header `Authorization`.

    `may` has patterns, as in file names, of the admin services that the user may call; None if the
    cluster does not say.
    """

    user: str
    authorization: str
    may: tuple[str, ...] | None = None

    @classmethod
    def basic(cls, user: str, password: str) -> Access:
        """Return the access of a user with a password."""
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        return cls(user, f"Basic {login}")

    @classmethod
    def bearer(cls, user: str, token: str) -> Access:
        """Return the access of a user with the token of a session of the API."""
        return cls(user, f"Bearer {token}")

    def permits(self, service: str) -> bool:
        """Whether calls of a service would not be refused, as far as is known; a `*` in its name
        stands for any type.
        """
        if self.may is None:
            return True
        return any(
            fnmatchcase(service, pattern) or fnmatchcase(pattern, service) for pattern in self.may
        )


class ApiError(Exception):
    """The API did not do what it was asked: `status`, and the `problem` document (RFC 9457)."""

    def __init__(self, status: int, problem: JsonObject) -> None:
        super().__init__(
            problem.get("detail")
            or problem.get("title")
            or gettext("status %(status)s", status=status)
        )
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        """The stable code of the problem."""
        return str(self.problem.get("code", ""))

    @property
    def cid(self) -> str:
        """The correlation id by which the servers' logs tell more; empty if there is none."""
        return str(self.problem.get("cid", ""))

    @property
    def errors(self) -> dict[str, str]:
        """Faults by the path of a setting."""
        found = self.problem.get("errors")
        return {str(key): str(fault) for key, fault in found.items()} if found else {}


class Unanswered(ApiError):
    """No address of the cluster answered."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            503, {"code": "unanswered", "title": gettext("Not answered"), "detail": detail}
        )


@dataclass(frozen=True)
class Relayed:
    """An answer as it came: status, headers, and the body as it was encoded."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Whether it is an answer of Hansa, and not of a program before it."""
        types = [value for name, value in self.headers if name.lower() == "content-type"]
        return any("json" in value for value in types)


@dataclass(frozen=True)
class Appearance:
    """How a cluster is marked on its pages, as its own configuration says."""

    label: str
    colour: str = "grey"
    production: bool = False

    @classmethod
    def read(cls, status: JsonObject, name: str) -> Appearance:
        """Return what `admin.cluster.status` says; production is red unless it has a colour."""
        production = bool(status.get("production"))
        colour = str(status.get("colour") or ("red" if production else "grey"))
        return cls(str(status.get("label") or name), colour, production)


class ClusterApi:
    """Calls the admin services of one cluster, at the first of its addresses that answers."""

    def __init__(
        self, destination: Destination, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self.destination = destination
        self.name = destination.name
        self.appearance = Appearance(destination.name)
        self.is_appearance_known = False
        self._transport = transport
        self._avoided: dict[str, float] = {}
        self._clients: dict[str, httpx2.Client] = {}
        self._lock = threading.Lock()

    def call(
        self,
        service: str,
        data: Mapping[str, object] | None,
        access: Access | None,
        address: str = "",
        agent: str = "",
    ) -> JsonObject:
        """Call an admin service and return its answer, `{}` if it has none; raises `ApiError`.

        `address` is that of the browser, for servers that have this process among their trusted
        proxies; `agent` is what the browser calls itself.
        """
        headers = {**ASKED_JSON, "Content-Type": "application/json"}
        if address:
            headers["X-Forwarded-For"] = address
        if agent:
            headers["User-Agent"] = agent[:MOST_AGENT]
        if access is not None:
            headers["Authorization"] = access.authorization
        body = json.dumps(dict(data or {})).encode()
        answer = _json_answer(self._send("POST", PREFIX + service, headers, body))
        if service == STATUS:
            self.appearance = Appearance.read(answer, self.name)
            self.is_appearance_known = True
        return answer

    def relay(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Relayed:
        """Pass on a request of another client of the API as it is; raises `Unanswered`."""
        return self._send(method, path, headers, body)

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Relayed:
        """Send a request to the first address that can be connected to; raises `Unanswered`."""
        import httpx2

        reasons: list[str] = []
        for url in self._urls():
            try:
                answer = self._exchange(method, url, path, headers, body)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                reasons.append(f"{url}: {error}")
                self._avoided[url] = time.monotonic() + AVOIDED
                continue
            except httpx2.HTTPError as error:
                raise Unanswered(
                    gettext(
                        "%(url)s did not answer: %(value)s",
                        url=url,
                        value=error or type(error).__name__,
                    )
                ) from None
            if answer.status == 503 and not answer.is_json:
                # a load-balancer without a server: nothing was carried out
                reasons.append(gettext("%(url)s: no server is available", url=url))
                self._avoided[url] = time.monotonic() + AVOIDED
                continue
            return answer
        tried = "; ".join(reasons) or gettext("it has no address yet")
        raise Unanswered(
            gettext(
                "the cluster %(name)s cannot be reached: %(tried)s", name=self.name, tried=tried
            )
        )

    def _exchange(
        self, method: str, url: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Relayed:
        """Send a request to one address; raises `httpx2.HTTPError`."""
        client = self._client(url)
        # headers of a request that is relayed may have any bytes (RFC 9110, 5.5)
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        request = client.build_request(method, url + path, headers=sent, content=body)
        answer = client.send(request, stream=True)
        try:
            content = b"".join(answer.iter_raw())
        finally:
            answer.close()
        return Relayed(answer.status_code, list(answer.headers.multi_items()), content)

    def _urls(self) -> Iterator[str]:
        """Return the addresses in order, those last that did not answer a moment ago."""
        now = time.monotonic()
        urls = self.destination.urls()
        avoided = [url for url in urls if self._avoided.get(url, 0.0) > now]
        yield from (url for url in urls if url not in avoided)
        yield from avoided

    def _client(self, url: str) -> httpx2.Client:
        import httpx2

        with self._lock:
            if url not in self._clients:
                self._clients[url] = httpx2.Client(
                    timeout=httpx2.Timeout(ANSWER_LIMIT, connect=CONNECT_LIMIT),
                    trust_env=False,
                    verify=self._context(url),
                    transport=self._transport,
                    headers={"User-Agent": "hansa-web"},
                )
            return self._clients[url]

    def _context(self, url: str) -> ssl.SSLContext | bool:
        return tls_context(self.destination.trust()) if url.startswith("https:") else False


def _json_answer(answer: Relayed) -> JsonObject:
    try:
        found = json.loads(answer.body or b"{}")
    except ValueError:
        found = None
    if answer.status < 300 and isinstance(found, dict):
        return found
    if not isinstance(found, dict):
        detail = gettext(
            "the cluster answered with status %(status)s, and no JSON object", status=answer.status
        )
        found = {"code": "no-json", "title": gettext("Not an answer of Hansa"), "detail": detail}
    raise ApiError(answer.status, found)
