"""Opportunistic TLS to MySQL and MariaDB: PyMySQL encrypts where the server can, and verifies nobody,
unless it is told whom to trust.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any, TypeVar

Connection = TypeVar("Connection")
"""The class of PyMySQL's connections, which the caller imports."""


@cache
def opportunistic(connection: type[Connection]) -> type[Connection]:
    """Return a class of connections whose TLS is made once, where nobody is to be verified.

    PERF: PyMySQL reads all authorities of the system for each connection, and uses none of them: 28
    ms of a processor.
    """

    class Opportunistic(connection):  # type: ignore[valid-type, misc]  # any class of PyMySQL's
        def _create_ssl_ctx(self, trust: dict[str, Any] | ssl.SSLContext) -> ssl.SSLContext:
            if trust:
                made: ssl.SSLContext = super()._create_ssl_ctx(trust)
                return made
            return _verifies_nobody()

    return Opportunistic


@cache
def _verifies_nobody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
