"""Security type `certificate`: a client certificate that connections present to a server (TLS)."""

from __future__ import annotations

import os
import ssl
from typing import Annotated

from hansa import Invalid, Login, Model, Secret, Security, Unavailable, setting


class CertificateSettings(Model):
    """Where a client certificate is, and what goes with it."""

    certificate: Annotated[
        str,
        setting(
            "PEM file with the certificate, and those of intermediate authorities after it",
            min_length=1,
            example="/etc/hansa/client.crt",
        ),
    ]
    key: Annotated[
        str,
        setting(
            "PEM file with the private key, not encrypted",
            min_length=1,
            example="/etc/hansa/client.key",
        ),
    ]
    username: Annotated[
        str, setting("User name to log in with, where the server asks for one, too")
    ] = ""
    password: Annotated[
        Secret | None, setting("Password that goes with the user name, if the server asks for one")
    ] = None


class Certificate(Security[CertificateSettings]):
    """A client certificate with its key, by which connections log in; it lets no caller in."""

    type = "certificate"

    def start(self) -> None:
        """Read both files; raises `Invalid` if they do not fit, `Unavailable` if one is not there."""
        config = self.config
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for path in (config.certificate, config.key):
            if not os.access(path, os.R_OK):
                raise Unavailable(f"{path} cannot be read")
        try:
            context.load_cert_chain(config.certificate, config.key, password=_refuse_encrypted)
        except ssl.SSLError as error:
            fault = f"is not the key of {config.certificate}, or one of the two is no PEM file"
            raise Invalid({"key": f"{fault}: {error.reason}"}) from error

    def ping(self) -> str:
        """Return which certificate connections present."""
        return f"presents {self.config.certificate}"

    def login(self) -> Login:
        """Return the files, and the user name and password that go with them."""
        config = self.config
        return Login(
            username=config.username,
            password=config.password,
            certificate=config.certificate,
            key=config.key,
        )


def _refuse_encrypted() -> str:
    """Raise, instead of having OpenSSL ask for a passphrase on the terminal."""
    raise Invalid({"key": "is encrypted: give it without a passphrase, readable by Hansa alone"})
