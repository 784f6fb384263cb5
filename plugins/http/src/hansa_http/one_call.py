"""A single call of an HTTP server, over a connection of its own: for what is asked for rarely, such
as keys and tokens of an issuer.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from hansa import HansaError, deadline, time_left

from .forward_proxy import ProxyRoutes, ProxySettings
from .retry import NotSent


def call_once(
    label: str,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    timeout: float,
    largest: int,
    content: bytes = b"",
    ca: str = "",
    proxy: ProxySettings | None = None,
) -> tuple[int, Mapping[str, str], bytes]:
    """Return status, headers and body of the answer to a call; redirects are not followed.

    It takes at most `timeout` seconds, or less if the deadline of the thread is earlier, and an
    answer of at most `largest` bytes. Certificates are verified, by the authorities in the file
    `ca` or by those of the system. `label` is what errors call the connection.

    Raises `TimedOut`, `Unavailable`, `BadAnswer` (too large, or not to be decoded) and `Invalid`
    (what cannot be sent), with the library's `reason`, which is for logs and states.
    """
    # PERF: its library takes 250 ms to import; only workers that call need it
    from .exchange import Exchange

    context = ssl.create_default_context(cafile=ca or None)
    routes = None if proxy is None else ProxyRoutes(proxy)
    exchange = Exchange(label, context, 1, largest, routes=routes)
    try:
        with deadline(time_left(timeout)):
            return exchange.send(method, url, headers, content, timeout)
    except NotSent as failure:
        raise _explained(failure) from failure.__cause__
    finally:
        exchange.close()


def _explained(failure: NotSent) -> HansaError:
    error = failure.error
    error.reason = failure.reason
    return error
