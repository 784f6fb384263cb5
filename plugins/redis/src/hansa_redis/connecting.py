"""What the channel and the outgoing connection have in common: where a Redis is, and how to connect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeVar

from hansa import Definition, Invalid, Secret, Unavailable, setting
from hansa_connect.tls import TlsTrust, definitions_of, resolved
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    MaxConnectionsError,
    ResponseError,
    TimeoutError,
)

from .address import address_fault, holds_password
from .calls import RedisTimedOut, RedisUnavailable
from .client import CONNECTIONS, connection_options, login_options
from .deadline import TlsConnection
from .untyped import Option

_OTHER_DATABASE = "DB index"
"""What a refusal says of a database that the server does not have."""


class RedisSettings(TlsTrust):
    """Redis server.

    Where a Redis or Valkey is, and how to talk to it.
    """

    address: Annotated[
        str,
        setting(
            "Address: redis://HOST:PORT/DB, rediss://HOST:PORT/DB, unix:///PATH, for Sentinel "
            "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB or, for a Redis Cluster, "
            "redis+cluster://HOST:PORT,HOST:PORT; overrides host, port, db and tls",
            example="redis://10.0.0.5:6379/0",
        ),
    ] = ""
    host: Annotated[
        str,
        setting(
            "Host name or IP address; without host and address, the Redis that this server uses itself",
            example="10.0.0.5",
        ),
    ] = ""
    port: Annotated[int, setting("TCP port", ge=1, le=65535)] = 6379
    db: Annotated[int, setting("Database number", ge=0, le=65535)] = 0
    username: Annotated[str, setting("User name (ACL); empty for the default user")] = ""
    password: Annotated[Secret | None, setting("Password")] = None
    tls: Annotated[
        bool, setting("Encrypt the connection; the server's certificate is verified")
    ] = False
    timeout: Annotated[
        float, setting("Maximum seconds for one call, including connecting", gt=0, le=3600)
    ] = 5.0

    def check(self) -> None:
        """Refuse contradictions; raises `Invalid`."""
        faults: dict[str, str] = {}
        if self.address:
            fault = _address_fault(self.address)
            if fault:
                faults["address"] = fault
            if self.host:
                faults["host"] = "give either the address or the host"
        if self.username and self.password is None:
            faults["password"] = "required with a user name"
        faults |= self.faults_of_trust()
        if faults:
            raise Invalid(faults)


def _address_fault(address: str) -> str:
    """Return what is wrong with an address; a password in it would be shown with the definition."""
    fault = address_fault(address)
    if not fault and holds_password(address):
        return "holds a password, which would be shown; put it into the setting password"
    return fault


RedisT = TypeVar("RedisT", bound=RedisSettings)


class RedisConnecting(Definition[RedisT]):
    """Mixed into both types: how they connect."""

    @property
    def what(self) -> str:
        """What errors call this definition: `outgoing redis 'cache'`."""
        return f"{self.kind} {self.type} {self.name!r}"

    @property
    def address(self) -> str:
        """The address of the settings, or of the Redis that this server uses; empty for a host."""
        config = self.config
        return config.address if config.address or config.host else self._own_address()

    @classmethod
    def logins(cls, config: RedisT) -> Iterable[str]:
        """Return the security definitions that supply certificates."""
        return definitions_of(config)

    def advised(self, error: RedisTimedOut | RedisUnavailable | ResponseError) -> Exception:
        """Return a failure to connect with the settings to check, or as it is where none is to blame."""
        if isinstance(error, ResponseError):
            if _OTHER_DATABASE not in str(error):
                return error
            fault = f"{self.what}: {error}; check the setting db"
            return RedisUnavailable(fault)
        cause = error.__cause__
        refused = isinstance(cause, AuthenticationError | MaxConnectionsError)
        if refused or not isinstance(cause, ConnectionError | TimeoutError | OSError):
            return error
        where = "address" if self.config.address else "host, port and tls"
        return type(error)(f"{error.detail}; check the settings {where}")

    def target(self, address: str) -> dict[str, Option]:
        """Return the options that redis-py's connections are made with."""
        config = self.config
        if address:
            target = connection_options(address)
        else:
            connection_class = CONNECTIONS["rediss" if config.tls else "redis"]
            target = {
                "host": config.host,
                "port": config.port,
                "connection_class": connection_class,
            }
        if not config.address:
            target["db"] = config.db
        target.update(self.login())
        if issubclass(target["connection_class"], TlsConnection):
            target.update(self.tls_options())
        return target

    def login(self) -> dict[str, str]:
        """Return the options of connections for the login of the settings."""
        return login_options(self.config.username, str(self.config.password or ""))

    def tls_options(self) -> dict[str, str]:
        """Return the options of encrypted connections; raises what definitions of TLS raise."""
        config = resolved(self.config, self.server.objects)
        paths = {
            "ssl_ca_certs": config.tls_ca,
            "ssl_certfile": config.tls_certificate,
            "ssl_keyfile": config.tls_key,
        }
        return {option: path for option, path in paths.items() if path}

    def _own_address(self) -> str:
        """Return the address of the Redis that this server uses itself; raises `Unavailable` if
        there is none.
        """
        address = self.server.bus.address
        if address is None:
            raise Unavailable(
                f"{self.what} names no address, and this server has no Redis of its own"
            )
        return address
