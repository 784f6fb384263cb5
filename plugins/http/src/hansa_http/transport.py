"""A pool of connections of httpx2 in which no wait outlasts the deadline of its call, whatever the
other side does.
"""

from __future__ import annotations

import ipaddress
import ssl
import threading
import time
from collections.abc import Iterable

import httpcore2
import httpx2
from hansa import TimedOut, look_up_host, time_left

from .forward_proxy import Proxy, ProxyRoutes

KEPT_FOR = 15.0
"""Seconds for which a connection is kept open without a call."""


def remaining(at_most: float | None = None) -> float | None:
    """Return the seconds that a wait may take; raises ReadTimeout when there are none."""
    rest = time_left(at_most)
    if rest == 0.0 and at_most != 0.0:
        raise httpcore2.ReadTimeout("the deadline of the call is over")
    return rest


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), 2**16):
            self._inner.write(buffer[start : start + 2**16], remaining(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, remaining(timeout)))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        began = time.monotonic()
        found = addresses_of(host, port, remaining(timeout))
        for address in found:
            rest = None if timeout is None else max(0.001, timeout - (time.monotonic() - began))
            try:
                return _Stream(
                    self._inner.connect_tcp(
                        address, port, remaining(rest), local_address, socket_options
                    )
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if address == found[-1]:
                    raise
        raise httpcore2.ConnectError(f"{host} has no address")


def addresses_of(host: str, port: int, timeout: float | None) -> list[str]:
    """Return the addresses of a host, each once; an address is its own. Raises ConnectError and
    ConnectTimeout.
    """
    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        pass
    try:
        found = look_up_host(host, port, timeout=timeout)
    except TimedOut:
        raise httpcore2.ConnectTimeout(f"{host} could not be looked up in time") from None
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"{host} cannot be looked up: {error}") from error
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class DeadlineTransport(httpx2.HTTPTransport):
    """A pool of connections whose waits obey `deadline`, to servers or to one proxy."""

    def __init__(self, context: ssl.SSLContext, size: int, proxy: Proxy | None = None) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool.close()
        if proxy is None:
            self._pool = httpcore2.ConnectionPool(
                ssl_context=context,
                max_connections=size,
                max_keepalive_connections=size,
                keepalive_expiry=KEPT_FOR,
                network_backend=_Backend(),
            )
        else:
            self._pool = _proxied_pool(context, size, proxy)


def credentials_for(proxy: Proxy) -> tuple[bytes, bytes] | None:
    """Return what a proxy is to be given, user name and password; None if it has none."""
    if not proxy.username:
        return None
    return (proxy.username.encode(), proxy.password.encode())


def _proxied_pool(context: ssl.SSLContext, size: int, proxy: Proxy) -> httpcore2.HTTPProxy:
    return httpcore2.HTTPProxy(
        proxy_url=proxy.url,
        proxy_auth=credentials_for(proxy),
        ssl_context=context,
        proxy_ssl_context=context if proxy.url.startswith("https:") else None,
        max_connections=size,
        max_keepalive_connections=size,
        keepalive_expiry=KEPT_FOR,
        network_backend=_Backend(),
    )


class RoutedTransport(httpx2.BaseTransport):
    """Sends each request directly, or through the proxy that its routes name."""

    def __init__(self, context: ssl.SSLContext, size: int, routes: ProxyRoutes) -> None:
        self._context = context
        self._size = size
        self._routes = routes
        self._transports: dict[Proxy | None, DeadlineTransport] = {}
        self._making = threading.Lock()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request on the route of its URL."""
        proxy = self._routes.proxy_for(request.url.scheme, request.url.host)
        with self._making:
            transport = self._transports.get(proxy)
            if transport is None:
                transport = DeadlineTransport(self._context, self._size, proxy)
                self._transports[proxy] = transport
        return transport.handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        with self._making:
            transports = list(self._transports.values())
        for transport in transports:
            transport.close()
