"""The handshake of NTLM (MS-NLMP), by pyspnego: negotiate, challenge, authenticate."""

from __future__ import annotations

import spnego
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from hansa import Unavailable
from spnego.channel_bindings import GssChannelBindings

from .settings import NtlmSettings


class NtlmHandshake:
    """One authentication, with NTLMv2."""

    scheme = "NTLM"

    def __init__(self, config: NtlmSettings) -> None:
        user = f"{config.domain}\\{config.username}" if config.domain else config.username
        self._context = spnego.client(user, str(config.password), protocol="ntlm")

    def step(self, token: bytes, certificate: bytes) -> bytes:
        """Return the message that follows the server's; raises `Unavailable` if that is unusable."""
        bindings = _channel_bindings(certificate) if certificate else None
        try:
            return self._context.step(token or None, channel_bindings=bindings) or b""
        except Exception as error:  # whatever the library trips over in a challenge
            unavailable = Unavailable("the server's challenge of NTLM cannot be used")
            unavailable.reason = f"{type(error).__name__}: {error}"
            raise unavailable from error


def _channel_bindings(certificate: bytes) -> GssChannelBindings:
    """Return what binds a handshake to its TLS (RFC 5929, section 4: tls-server-end-point), so that
    nobody in between can use it.
    """
    algorithm: hashes.HashAlgorithm | None
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if algorithm is None or isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())
