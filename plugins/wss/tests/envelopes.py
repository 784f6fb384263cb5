"""Envelopes with Security headers as callers write them, by code of the tests' own."""

from __future__ import annotations

import base64
import hashlib
import os
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"


def moment(seconds: float = 0) -> str:
    """A moment so many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(nonce: bytes, created: str, password: str) -> str:
    secret = password.encode("utf-8", "surrogatepass")
    return base64.b64encode(hashlib.sha1(nonce + created.encode() + secret).digest()).decode()


def token(
    username: str = "alice",
    password: str = "secret word",
    *,
    as_digest: bool = False,
    nonce: bytes | None = None,
    created: str | None = None,
    more: str = "",
) -> str:
    """A UsernameToken; an empty nonce or time is left out."""
    nonce = os.urandom(16) if nonce is None else nonce
    created = moment() if created is None else created
    kind = f"{PROFILE}#PasswordText"
    if as_digest:
        kind = f"{PROFILE}#PasswordDigest"
        password = digest(nonce, created, password)
    parts = [f"<w:Username>{escape(username)}</w:Username>" if username else ""]
    parts.append(f'<w:Password Type="{kind}">{escape(password)}</w:Password>' if password else "")
    parts.append(f"<w:Nonce>{base64.b64encode(nonce).decode()}</w:Nonce>" if nonce else "")
    parts.append(f"<u:Created>{created}</u:Created>" if created else "")
    return f"<w:UsernameToken>{''.join(parts)}{more}</w:UsernameToken>"


def timestamp(created: str = "", expires: str = "") -> str:
    inside = f"<u:Created>{created}</u:Created>" if created else ""
    inside += f"<u:Expires>{expires}</u:Expires>" if expires else ""
    return f"<u:Timestamp>{inside}</u:Timestamp>"


def security(content: str, attributes: str = 's:mustUnderstand="1"') -> str:
    return f"<w:Security {attributes}>{content}</w:Security>"


def envelope(header: str, body: str = "<a><word>hi</word></a>", namespace: str = SOAP_11) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{namespace}" xmlns:w="{WSSE}" xmlns:u="{WSU}">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode("utf-8", "surrogatepass")
