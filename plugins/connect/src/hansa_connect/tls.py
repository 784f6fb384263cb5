"""The settings of connections that can be encrypted, and the TLS context that they make."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

from hansa import Invalid, Model, Objects, setting
from msgspec import Meta


def authorities_setting(purpose: str) -> Meta:
    """Describe a setting that `authorities_of` reads; `purpose` is how its help begins."""
    return setting(
        f"{purpose}: the name of a security definition of type tls_ca, or the path of a PEM file, "
        "with a slash in it; empty for those of the system",
        refers="security tls_ca",
        path=True,
        advanced=True,
    )


class TlsTrust(Model):
    """TLS.

    Whom a connection trusts, and which certificate it presents, if it is encrypted.
    """

    tls_ca: Annotated[
        str,
        authorities_setting("Certificate authorities to trust"),
    ] = ""
    tls_certificate: Annotated[
        str,
        setting(
            "Client certificate, if the server asks for one: the name of a security definition of "
            "type tls_key, which has its key, too, or the path of a PEM file, with a slash in it",
            refers="security tls_key",
            path=True,
            advanced=True,
        ),
    ] = ""
    tls_key: Annotated[
        str,
        setting(
            "PEM file with the private key of the client certificate, if that is in a file",
            advanced=True,
        ),
    ] = ""

    def check(self) -> None:
        """Refuse the file of a certificate without its key, and a key without its certificate.

        Raises `Invalid`.
        """
        super().check()
        faults = self.faults_of_trust()
        if faults:
            raise Invalid(faults)

    def faults_of_trust(self) -> dict[str, str]:
        """Return what is wrong with these settings, by name."""
        if self.tls_certificate and not is_path(self.tls_certificate):
            if self.tls_key:
                return {"tls_key": "the definition that tls_certificate names has the key"}
        elif bool(self.tls_certificate) != bool(self.tls_key):
            missing = "tls_key" if self.tls_certificate else "tls_certificate"
            return {missing: "certificate and key belong together"}
        return {}


class TlsSettings(TlsTrust):
    """TLS.

    How a connection is encrypted.

    The certificate and the host name of the server are always verified.
    """

    tls: Annotated[
        bool, setting("Encrypt the connection with TLS and verify the server's certificate")
    ] = False

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context, None without TLS; names of definitions must be resolved.

        Raises OSError for files that cannot be read or do not fit.
        """
        return context_of(self) if self.tls else None


TrustT = TypeVar("TrustT", bound=TlsTrust)


def is_path(value: str) -> bool:
    """Whether a setting holds the path of a file, and not the name of a definition."""
    return "/" in value


def fault_of_authorities(value: str) -> str:
    """Return what is wrong with a setting such as `tls_ca`: the file that it names is not there; an
    empty text if nothing is.
    """
    if is_path(value) and not Path(value).is_file():
        return f"there is no file {value}"
    return ""


def definitions_of(config: TlsTrust) -> list[str]:
    """Return the names of the security definitions that settings name; when one of them is edited,
    what connects by them has to be replaced.
    """
    given = (config.tls_ca, config.tls_certificate)
    return [one for one in given if one and not is_path(one)]


def authorities_of(value: str, objects: Objects) -> str:
    """Return the path of the file of authorities that a setting such as `tls_ca` names, or the file
    of the definition that it names; empty for an empty one. Raises what the definition raises.
    """
    if not value or is_path(value):
        return value
    return objects.security(value).authorities()


def resolved(config: TrustT, objects: Objects) -> TrustT:
    """Return settings with files in place of the names of definitions.

    A file may be in memory, and is there for as long as the settings are kept. Raises what the
    definitions raise, such as `Unavailable` for one that is not running.
    """
    authorities = authorities_of(config.tls_ca, objects)
    if authorities != config.tls_ca:
        config = replace(config, tls_ca=authorities)
    if config.tls_certificate and not is_path(config.tls_certificate):
        login = objects.security(config.tls_certificate).login()
        if login.means != "certificate":
            fault = f"{config.tls_certificate!r} supplies a {login.means} and no certificate"
            raise Invalid({"tls_certificate": fault})
        config = replace(config, tls_certificate=login.certificate, tls_key=login.key)
    return config


def context_of(config: TlsTrust) -> ssl.SSLContext:
    """Return a TLS context that verifies servers; names of definitions must be resolved.

    `tls_ca` may be the path of a folder, as OpenSSL has it. Raises OSError for files that cannot be
    read or do not fit.
    """
    if config.tls_ca and Path(config.tls_ca).is_dir():
        context = ssl.create_default_context(capath=config.tls_ca)
    else:
        context = ssl.create_default_context(cafile=config.tls_ca or None)
    present(context, config)
    return context


def present(context: ssl.SSLContext, config: TlsTrust) -> None:
    """Have a context present the client certificate of settings, if they have one; raises OSError."""
    if config.tls_certificate:
        # with a password, even an empty one, nobody is asked for the passphrase of a key
        context.load_cert_chain(config.tls_certificate, config.tls_key, password="")
