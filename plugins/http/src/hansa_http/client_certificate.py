"""The client certificate of a caller: of its own TLS connection, or as a trusted proxy forwards it
(RFC 9440).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from wsgiref.types import WSGIEnvironment

from .errors import malformed

CONNECTION = "hansa.client_certificates"
"""Where a WSGI environment has the certificates of a TLS connection of this server, in DER, the
client's own first.
"""
CLIENT_CERT = "HTTP_CLIENT_CERT"
"""Where it has the certificate that a proxy forwards, in the header Client-Cert."""
CLIENT_CERT_CHAIN = "HTTP_CLIENT_CERT_CHAIN"
"""Where it has the intermediate ones, in the header Client-Cert-Chain."""

_byte_sequence = re.compile(r"[ \t]*:([A-Za-z0-9+/=]*):[ \t]*").fullmatch
_SEQUENCE = 0x30
_SHORT_LENGTH = 0x80


def certificates_of(environ: WSGIEnvironment) -> tuple[bytes, ...]:
    """Return the certificates of a caller, its own first; none if it presented none.

    `environ` has passed `Proxies.peer`, which takes out what nobody vouches for. Raises
    `HansaError` with status 400 for headers that are not as RFC 9440 has them.
    """
    own: tuple[bytes, ...] = environ.get(CONNECTION, ())
    if own:
        return own
    field: str | None = environ.get(CLIENT_CERT)
    if not field:
        return ()
    chain: str = environ.get(CLIENT_CERT_CHAIN, "")
    parts = [field, *chain.split(",")] if chain else [field]
    return tuple(certificate for part in parts for certificate in _certificates_in(part))


def _certificates_in(item: str) -> Iterator[bytes]:
    """Yield the certificates in a Byte Sequence (RFC 9651, section 3.3.5).

    HAProxy forwards all intermediate ones in a single sequence, one after the other.
    """
    found = _byte_sequence(item)
    try:
        rest = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        rest = b""
    if not rest:
        raise malformed("the header Client-Cert or Client-Cert-Chain is not as RFC 9440 has it")
    while rest:
        end = _end_of_element(rest)
        yield rest[:end]
        rest = rest[end:]


def _end_of_element(data: bytes) -> int:
    """Return the length of the DER element that data begins with; all of it where there is none, so
    that whoever reads the certificate finds out.
    """
    if len(data) < 2 or data[0] != _SEQUENCE or data[1] <= _SHORT_LENGTH:
        return len(data)
    begin = 2 + data[1] - _SHORT_LENGTH
    return begin + int.from_bytes(data[2:begin], "big")
