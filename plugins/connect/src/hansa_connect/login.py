"""Logins: who a connection logs in as, by its own settings or by a security definition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, ClassVar, TypeVar

from hansa import Definition, HansaError, Invalid, Login, Model, Secret, setting

from .tls import TlsSettings, TlsTrust, definitions_of, resolved


class CredentialSettings(Model):
    """Login.

    A user name and a password.

    A subclass that also inherits `OutgoingLogin` or `ChannelLogin` lets a security definition
    supply them.
    """

    username: Annotated[str, setting("User name to log in with")] = ""
    password: Annotated[Secret | None, setting("Password to log in with")] = None

    def check(self) -> None:
        """Refuse a login that is given twice; raises `Invalid`."""
        super().check()
        source, name = login_source(self)
        if not name:
            return
        given = []
        if self.username != type(self).username:
            given.append("username")
        if self.password is not None:
            given.append("password")
        if given:
            faults = dict.fromkeys(given, f"give either this or {source}")
            faults[source] = f"give either this or {' and '.join(given)}"
            raise Invalid(faults)


class AddressSettings(Model):
    """Address.

    Where a server is.
    """

    host: Annotated[str, setting("Host name or IP address of the server")] = "127.0.0.1"
    port: Annotated[
        int, setting("TCP port; 0 for the default port of the protocol", ge=0, le=65535)
    ] = 0


class LoginSettings(CredentialSettings, AddressSettings):
    """Where a server is, and who logs in."""


class OutgoingLogin(Model):
    """Login.

    The setting of outgoing connections for logins by a security definition.
    """

    security: Annotated[
        str | None,
        setting(
            "Security definition that supplies the login, instead of a user name and a password "
            "here; when it is edited, the connection logs in anew",
            refers="security",
        ),
    ] = None


class ChannelLogin(Model):
    """Login.

    The setting of channels for logins by a security definition.

    It is not called `security`, which of a channel is what its callers must satisfy.
    """

    login: Annotated[
        str | None,
        setting(
            "Security definition that supplies the login, instead of a user name and a password "
            "here; when it is edited, the channel logs in anew",
            refers="security",
        ),
    ] = None


def login_source(config: Model) -> tuple[str, str]:
    """Return the setting that may name a security definition, and the name; both may be empty."""
    if isinstance(config, ChannelLogin):
        return "login", config.login or ""
    if isinstance(config, OutgoingLogin):
        return "security", config.security or ""
    return "", ""


CredentialT = TypeVar("CredentialT", bound=CredentialSettings)


class LoggedIn(Definition[CredentialT]):
    """Mixed into channels and outgoing connections that log in to a server.

    They connect with `connection_config`. `login_means` are the logins that the protocol has, of
    `password`, `token` and `certificate`; a token is sent as the password.
    """

    login_means: ClassVar[tuple[str, ...]] = ("password",)
    _lasting_config: CredentialT | None = None

    @classmethod
    def logins(cls, config: CredentialT) -> Iterable[str]:
        """Return the security definitions that supply the login and what TLS needs."""
        _, name = login_source(config)
        names = [name] if name else []
        if isinstance(config, TlsTrust):
            names += definitions_of(config)
        return names

    @property
    def connection_config(self) -> CredentialT:
        """The settings to connect with: what security definitions supply in place of its own.

        They are read once, so that all connections of an object are the same user's; a token is
        read each time, since another takes its place before it ends. Raises `Invalid` for a login
        that the protocol does not have, and what the security definition raises.
        """
        if self._lasting_config is not None:
            return self._lasting_config
        config = self.config
        login = self._login()
        if login is not None:
            config = self._with_login(login)
        if isinstance(config, TlsTrust):
            config = resolved(config, self.server.objects)
        if login is None or login.means != "token":
            self._lasting_config = config
        return config

    def _login(self) -> Login | None:
        """Return what the security definition supplies; None if none is named."""
        source, name = login_source(self.config)
        if not name:
            return None
        login = self.server.objects.security(name).login()
        if login.means not in self.login_means:
            accepted = " or ".join(self.login_means)
            raise Invalid(
                {source: f"{name!r} supplies a {login.means}; {self.type} takes a {accepted}"}
            )
        return login

    def _with_login(self, login: Login) -> CredentialT:
        if login.means == "certificate":
            source, _ = login_source(self.config)
            return _with_certificate(self.config, login, source)
        return replace(self.config, username=login.username, password=login.token or login.password)


def _with_certificate(config: CredentialT, login: Login, source: str) -> CredentialT:
    if not isinstance(config, TlsSettings):
        raise HansaError(f"{type(config).__name__} has no settings of TLS")
    if not config.tls:
        raise Invalid({"tls": f"must be on for the certificate that {source} supplies"})
    if config.tls_certificate:
        fault = f"{source} supplies a certificate, too: give one of them"
        raise Invalid({"tls_certificate": fault})
    return replace(
        config,
        username=login.username,
        password=login.password,
        tls_certificate=login.certificate,
        tls_key=login.key,
    )
