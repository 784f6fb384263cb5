"""The settings of connections that can be encrypted, and the TLS context that they make."""

from __future__ import annotations

import ssl
from typing import Annotated

from hansa import Invalid, Model, setting


class TlsSettings(Model):
    """How a connection is encrypted.

    The certificate and the host name of the server are always verified.
    """

    tls: Annotated[
        bool, setting("Encrypt the connection with TLS and verify the server's certificate")
    ] = False
    tls_ca: Annotated[
        str,
        setting(
            "PEM file with the certificate authorities to trust; empty for those of the system",
            advanced=True,
        ),
    ] = ""
    tls_certificate: Annotated[
        str,
        setting("PEM file with the client certificate, if the server asks for one", advanced=True),
    ] = ""
    tls_key: Annotated[
        str, setting("PEM file with the private key of the client certificate", advanced=True)
    ] = ""

    def check(self) -> None:
        """Refuse a certificate without its key, and a key without its certificate.

        Raises `Invalid`.
        """
        super().check()
        if bool(self.tls_certificate) != bool(self.tls_key):
            missing = "tls_key" if self.tls_certificate else "tls_certificate"
            raise Invalid({missing: "certificate and key belong together"})

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context, None without TLS.

        Raises OSError for files that cannot be read or do not fit.
        """
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.tls_ca or None)
        if self.tls_certificate:
            context.load_cert_chain(self.tls_certificate, self.tls_key)
        return context
