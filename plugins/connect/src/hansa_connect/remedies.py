"""Which setting to change when a server cannot be reached, or does not speak as it is spoken to."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

CHECK_ADDRESS = "check the settings host and port"
CHECK_HOST = "check the setting host"
CHECK_LOGIN = "check the settings username and password"
NO_TLS = "it does not speak TLS here: check the setting port, or set tls to false"
SET_TLS = "set tls to true"
MAYBE_TLS = f"check the setting port; if the server expects TLS there, {SET_TLS}"
OTHER_NAME = "set host to a name that is in it"
OTHER_AUTHORITY = "set tls_ca to a file with the authority that has signed it"

_NOT_FOR_THIS_NAME = frozenset((62, 63, 64))
"""Codes of OpenSSL: the certificate is for another host name, mail address or IP address."""
_NOT_TRUSTED = frozenset((2, 18, 19, 20, 21))
"""Codes of OpenSSL: self-signed, or by an authority that is not known."""
_MOST_CAUSES = 10


def remedy_of(error: BaseException, *, tls: bool | None = None) -> str:
    """Return what to change after a failure to connect; empty if the error does not tell.

    `tls` says whether the connection is encrypted by TLS; None where the protocol has none.
    """
    for one in causes(error):
        remedy = _remedy(one, tls)
        if remedy:
            return remedy
    return ""


def advised(fault: str, remedy: str) -> str:
    """Return a fault with what to change, if that is known."""
    return f"{fault}; {remedy}" if remedy else fault


def _remedy(error: BaseException, tls: bool | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _NOT_FOR_THIS_NAME:
            return OTHER_NAME
        return OTHER_AUTHORITY if error.verify_code in _NOT_TRUSTED else ""
    if isinstance(error, ssl.SSLError):
        return NO_TLS if tls else ""
    if isinstance(error, socket.gaierror):
        return CHECK_HOST
    if isinstance(error, ConnectionResetError | BrokenPipeError | EOFError):
        if tls is None:
            return CHECK_ADDRESS
        return NO_TLS if tls else MAYBE_TLS
    if isinstance(error, ConnectionRefusedError | TimeoutError):
        return CHECK_ADDRESS
    if isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return CHECK_ADDRESS
    return ""


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what has caused it, the innermost first, as libraries wrap them."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(found) < _MOST_CAUSES:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            wrapped = (one.__cause__, one.__context__, getattr(one, "exception", None))
            waiting += [*wrapped, *one.args[:1]]
    return reversed(found)
