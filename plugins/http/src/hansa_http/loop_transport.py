"""The connections by which services on the event loop call: pools of httpx2 for asyncio, with the same
limits, certificates and proxies as those for threads.

A call as a whole is ended by who waits for it, at its deadline: `event_loop.wait`.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import time
from collections.abc import Callable, Iterable

import httpcore2
import httpx2
from hansa import event_loop

from .forward_proxy import Proxy, ProxyRoutes
from .transport import KEPT_FOR, addresses_of, credentials_for

PART = 32
"""Connections of one pool of the library."""
Take = Callable[[bytes], None]
"""Takes in a piece of a body; raises where it is too large."""


def _reason(error: BaseException) -> str:
    """Return what an error was raised for, in the end; of the system, as it says so to threads."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        error = cause
        cause = error.__cause__ or error.__context__
    if isinstance(error, OSError) and error.errno:
        return f"[Errno {error.errno}] {os.strerror(error.errno)}"
    return str(error)


class _Backend(httpcore2.AsyncNetworkBackend):
    """Connects, and says why that fails as the one for threads does."""

    def __init__(self) -> None:
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        until = None if timeout is None else time.monotonic() + timeout
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in await _look_up(host, port, timeout):
            rest = None if until is None else max(0.001, until - time.monotonic())
            try:
                return await self._inner.connect_tcp(
                    address, port, rest, local_address, socket_options
                )
            except httpcore2.ConnectError as error:
                failure = httpcore2.ConnectError(_reason(error))
            except httpcore2.ConnectTimeout as error:
                failure = error
        raise failure


async def _look_up(host: str, port: int, timeout: float | None) -> list[str]:
    """Return the addresses of a host; one that is an address itself needs no thread."""
    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        return await event_loop.in_thread(addresses_of, host, port, timeout)


class _Pool(httpx2.AsyncHTTPTransport):
    """A pool of connections to servers, or to one proxy."""

    def __init__(self, context: ssl.SSLContext, size: int, proxy: Proxy | None) -> None:
        super().__init__(verify=context, trust_env=False)
        if proxy is None:
            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=context,
                max_connections=size,
                max_keepalive_connections=size,
                keepalive_expiry=KEPT_FOR,
                network_backend=_Backend(),
            )
        else:
            self._pool = httpcore2.AsyncHTTPProxy(
                proxy_url=proxy.url,
                proxy_auth=credentials_for(proxy),
                ssl_context=context,
                proxy_ssl_context=context if proxy.url.startswith("https:") else None,
                max_connections=size,
                max_keepalive_connections=size,
                keepalive_expiry=KEPT_FOR,
                network_backend=_Backend(),
            )


def divided(size: int) -> list[int]:
    """Return a number of connections as parts that differ by one at most."""
    count = -(-size // PART)
    return [(size + number) // count for number in range(count)]


class _Part:
    """Some of the connections to servers, or to one proxy, and how many calls are made over them."""

    def __init__(self, pool: _Pool, size: int) -> None:
        self.pool = pool
        self.size = size
        self.calls = 0

    @property
    def surplus(self) -> int:
        """How many calls there are for each connection; 0 if there is room for one more."""
        return self.calls // self.size


class LoopTransport:
    """Sends requests on the event loop, directly or through the proxy that `routes` name, over at most
    `size` connections to each.

    PERF: the pool of the library looks at each of its connections twice for each call, so many
    connections are several pools: at 512, a call takes a third of the CPU time.
    """

    def __init__(self, context: ssl.SSLContext, size: int, routes: ProxyRoutes | None) -> None:
        self._context = context
        self._size = size
        self._routes = routes
        self._parts: dict[Proxy | None, list[_Part]] = {}

    async def exchange(self, request: httpx2.Request, take: Take) -> httpx2.Response:
        """Send a request and return the answer, whose body `take` has been given."""
        part = self._part_for(request.url)
        part.calls += 1
        try:
            answer = await part.pool.handle_async_request(request)
            try:
                async for piece in answer.aiter_raw():
                    take(piece)
            finally:
                await answer.aclose()
        finally:
            part.calls -= 1
        return answer

    def _part_for(self, url: httpx2.URL) -> _Part:
        """Return the first part that has room for a call, else one with the fewest calls."""
        proxy = None
        if self._routes is not None:
            proxy = self._routes.proxy_for(url.scheme, url.host)
        parts = self._parts.get(proxy)
        if parts is None:
            parts = self._parts[proxy] = self._divided(proxy)
        return min(parts, key=lambda part: part.surplus)

    def _divided(self, proxy: Proxy | None) -> list[_Part]:
        return [_Part(_Pool(self._context, size, proxy), size) for size in divided(self._size)]

    async def close(self) -> None:
        """Close all connections."""
        for parts in self._parts.values():
            for part in parts:
                await part.pool.aclose()
