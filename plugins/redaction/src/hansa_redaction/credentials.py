"""What is masked always: the headers, parameters and members that carry credentials."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

HEADERS = (
    "authorization",
    "proxy-authorization",
    "authentication-info",
    "cookie",
    "set-cookie",
    "*token*",
    "*secret*",
    "*password*",
    "*api-key*",
    "*apikey*",
    "x-amz-signature*",
)
"""Names of headers."""

MEMBERS = (
    "*password",
    "*passwd",
    "pwd",
    "*passphrase",
    "*secret",
    "*token",
    "client_assertion",
    "*apikey",
    "*api_key",
    "*api-key",
    "authorization",
    "*privatekey",
    "*private_key",
    "*private-key",
)
"""Names of parameters, and of members and elements at any depth of a message, such as `newPassword`."""


def secrets_in(header: str) -> Iterator[str]:
    """Yield what is secret in the value of a header: all of it, what follows its scheme, the
    password of HTTP Basic (RFC 7617), and the values of pairs, as cookies have them.
    """
    yield header
    scheme, _, credentials = header.strip().partition(" ")
    yield credentials
    if scheme.lower() == "basic":
        yield _password(credentials.strip())
    for part in header.split(";"):
        for pair in part.split(","):
            yield pair.partition("=")[2].strip().strip('"')


def _password(credentials: str) -> str:
    try:
        text = base64.b64decode(credentials).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""
    return text.partition(":")[2]
