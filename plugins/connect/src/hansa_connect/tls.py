"""The settings of connections that can be encrypted, and the TLS context they make: verified unless a setting says otherwise."""

from __future__ import annotations

import ssl
from typing import Annotated

from hansa import Invalid, Model, setting


class Tls(Model):
    """How a connection is encrypted: the certificate of the other side and its host name are always verified."""

    tls: Annotated[
        bool, setting("Encrypt the connection; the certificate of the other side is verified")
    ] = False
    tls_ca: Annotated[
        str,
        setting(
            "PEM file of the authorities to trust; empty for those of the system", advanced=True
        ),
    ] = ""
    tls_certificate: Annotated[
        str,
        setting("PEM file of our own certificate, if the other side asks for one", advanced=True),
    ] = ""
    tls_key: Annotated[
        str, setting("PEM file of the key of our own certificate", advanced=True)
    ] = ""

    def check(self) -> None:
        """Refuse contradictions; raises `Invalid`."""
        super().check()  # of another model that a connector mixes in
        if bool(self.tls_certificate) != bool(self.tls_key):
            missing = "tls_key" if self.tls_certificate else "tls_certificate"
            raise Invalid({missing: "certificate and key belong together"})

    def context(self) -> ssl.SSLContext | None:
        """The TLS context of these settings, None without TLS; raises OSError for files that cannot be read or do not fit."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.tls_ca or None)
        if self.tls_certificate:
            context.load_cert_chain(self.tls_certificate, self.tls_key)
        return context
