"""The type `outgoing redis`: a connection to Redis or Valkey, used by services as `self.outgoing.redis["NAME"]`."""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import urlsplit

from hansa import Invalid, Model, Outgoing, Secret, Unavailable, setting
from redis.connection import parse_url

from .client import Client
from .deadline import TcpConnection, TlsConnection, UnixConnection


class RedisConfig(Model):
    """Where a Redis or Valkey is, and how to talk to it."""

    address: Annotated[
        str,
        setting(
            "Address as redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH; goes before host, port, db and tls",
            example="redis://10.0.0.5:6379/0",
        ),
    ] = ""
    host: Annotated[
        str,
        setting(
            "Host name or address; empty, as is address, for the Redis that this server uses itself",
            example="10.0.0.5",
        ),
    ] = ""
    port: Annotated[int, setting("TCP port", ge=1, le=65535)] = 6379
    db: Annotated[int, setting("Number of the database", ge=0, le=65535)] = 0
    username: Annotated[str, setting("User name (ACL); empty for the default user")] = ""
    password: Annotated[Secret | None, setting("Password")] = None
    tls: Annotated[
        bool, setting("Encrypt the connection; the server's certificate is verified")
    ] = False
    tls_ca: Annotated[
        str,
        setting(
            "PEM file of the authorities to trust; empty for those of the system", advanced=True
        ),
    ] = ""
    tls_certificate: Annotated[
        str, setting("PEM file of our own certificate, if the server asks for one", advanced=True)
    ] = ""
    tls_key: Annotated[
        str, setting("PEM file of the key of our own certificate", advanced=True)
    ] = ""
    timeout: Annotated[
        float, setting("Seconds that one call may take in all, connecting included", gt=0, le=3600)
    ] = 5.0
    max_connections: Annotated[
        int, setting("Most connections of one worker; calls wait for a free one", ge=1, le=10000)
    ] = 20
    decode: Annotated[bool, setting("Give text (UTF-8) instead of bytes")] = True

    def check(self) -> None:
        """Refuse contradictions; raises `Invalid`."""
        faults = {}
        if self.address:
            faults.update(_check_address(self.address))
            if self.host:
                faults["host"] = "give either the address or the host"
        if self.username and self.password is None:
            faults["password"] = "required with a user name"
        if bool(self.tls_certificate) != bool(self.tls_key):
            faults["tls_key" if self.tls_certificate else "tls_certificate"] = (
                "certificate and key belong together"
            )
        if faults:
            raise Invalid(faults)


def _check_address(address: str) -> dict[str, str]:
    try:
        parts = urlsplit(address)
        there = parts.path if parts.scheme == "unix" else parts.hostname
        secret = parts.password
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError as error:
        return {"address": f"is not an address: {error}"}
    if parts.scheme not in ("redis", "rediss", "unix") or not there:
        return {
            "address": "must look like redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH"
        }
    if secret or "password" in parts.query:
        return {
            "address": "holds a password, which would be shown; put it into the setting password"
        }
    return {}


class RedisOutgoing(Outgoing[RedisConfig]):
    """A connection to Redis or Valkey; `client` is a redis-py client, whose commands can also be called on the connection itself."""

    type = "redis"

    _client: Client | None = None

    @property
    def client(self) -> Client:
        """The redis-py client, safe in many threads; raises `Unavailable` when the connection is not started."""
        if self._client is None:
            raise Unavailable(f"outgoing redis {self.name!r} is not started")
        return self._client

    def start(self) -> None:
        """Open the pool and check that Redis answers; raises `Unavailable` or `TimedOut`."""
        self._client = Client(
            f"outgoing redis {self.name!r}",
            timeout=self.config.timeout,
            max_connections=self.config.max_connections,
            decode_responses=self.config.decode,
            protocol=2,
            **self._target(),
        )
        self._client.ping()

    def stop(self) -> None:
        """Close all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def ping(self) -> str:
        """Ask for a PONG; raises `Unavailable` or `TimedOut`."""
        began = time.perf_counter()
        self.client.ping()
        return f"PONG in {(time.perf_counter() - began) * 1000:.1f} ms"

    def execute(self, *command: Any) -> Any:
        """Run any command, given as its words: `execute("SET", "key", "value")`."""
        return self.client.execute_command(*command)

    def __getattr__(self, name: str) -> Any:
        """Every method of redis-py's client that has no other meaning here: get, set, hset, pipeline, pubsub, lock ..."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.client, name)

    def _target(self) -> dict[str, Any]:
        """What redis-py's connections are made with."""
        config: RedisConfig = self.config
        own = self._own_address() if not (config.address or config.host) else ""
        if own or config.address:
            target = dict(parse_url(own or config.address))  # type: ignore[no-untyped-call]
            scheme = urlsplit(own or config.address).scheme
        else:
            target = {"host": config.host, "port": config.port}
            scheme = "rediss" if config.tls else "redis"
        if not config.address:
            target["db"] = config.db
        if config.username:
            target["username"] = config.username
        if config.password is not None:
            target["password"] = str(config.password)
        target["connection_class"] = {
            "redis": TcpConnection,
            "rediss": TlsConnection,
            "unix": UnixConnection,
        }[scheme]
        if scheme == "rediss":
            paths = {
                "ssl_ca_certs": config.tls_ca,
                "ssl_certfile": config.tls_certificate,
                "ssl_keyfile": config.tls_key,
            }
            target.update({option: path for option, path in paths.items() if path})
        return target

    def _own_address(self) -> str:
        address = self.server.bus.address
        if not address:
            raise Unavailable(
                f"outgoing redis {self.name!r} names no address, and this server has no Redis of its own"
            )
        return address
