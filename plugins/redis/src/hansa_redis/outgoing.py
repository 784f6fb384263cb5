"""The type `outgoing redis`: a connection to Redis or Valkey, used by services as
`self.outgoing.redis["NAME"]`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated

from hansa import Invalid, Outgoing, Secret, Unavailable, setting
from hansa_connect.tls import TlsTrust, definitions_of, resolved
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    MaxConnectionsError,
    ResponseError,
    TimeoutError,
)

from .address import address_fault, holds_password, is_cluster, parse_cluster
from .calls import RedisTimedOut, RedisUnavailable
from .client import CONNECTIONS, Client, connection_options, login_options
from .cluster import ClusterClient
from .deadline import TlsConnection
from .untyped import Answer, Option

_OTHER_DATABASE = "DB index"
"""What a refusal says of a database that the server does not have."""


class RedisConfig(TlsTrust):
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
    max_connections: Annotated[
        int, setting("Maximum connections of one worker; calls wait for a free one", ge=1, le=10000)
    ] = 20
    decode: Annotated[bool, setting("Return text (UTF-8) instead of bytes")] = True

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


class RedisOutgoing(Outgoing[RedisConfig]):
    """A connection to Redis or Valkey.

    `client` is a redis-py client, whose commands can also be called on the connection itself; that
    of a Redis Cluster is a `RedisCluster`.
    """

    type = "redis"

    _client: Client | ClusterClient | None = None

    @property
    def client(self) -> Client | ClusterClient:
        """The redis-py client, safe in many threads; raises `Unavailable` when the connection is
        not started.
        """
        if self._client is None:
            raise Unavailable(f"outgoing redis {self.name!r} is not started")
        return self._client

    def start(self) -> None:
        """Open the pool and check that Redis answers; raises `Unavailable` or `TimedOut`."""
        self._client = self._open()
        try:
            self._client.ping()
        except (RedisTimedOut, RedisUnavailable, ResponseError) as error:
            advised = self._advised(error)
            if advised is error:
                raise
            raise advised from error.__cause__

    def _advised(self, error: RedisTimedOut | RedisUnavailable | ResponseError) -> Exception:
        """Return a failure to connect with the settings to check, or as it is where none is to blame."""
        if isinstance(error, ResponseError):
            if _OTHER_DATABASE not in str(error):
                return error
            fault = f"outgoing redis {self.name!r}: {error}; check the setting db"
            return RedisUnavailable(fault)
        cause = error.__cause__
        refused = isinstance(cause, AuthenticationError | MaxConnectionsError)
        if refused or not isinstance(cause, ConnectionError | TimeoutError | OSError):
            return error
        where = "address" if self.config.address else "host, port and tls"
        return type(error)(f"{error.detail}; check the settings {where}")

    @classmethod
    def logins(cls, config: RedisConfig) -> Iterable[str]:
        """Return the security definitions that supply certificates."""
        return definitions_of(config)

    def stop(self) -> None:
        """Close all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def ping(self) -> str:
        """Ask for a PONG and return how long it took; raises `Unavailable` or `TimedOut`."""
        began = time.perf_counter()
        self.client.ping()
        milliseconds = (time.perf_counter() - began) * 1000
        return f"PONG in {milliseconds:.1f} ms"

    def execute(self, *command: object) -> Answer:
        """Run any command, given as its words, and return its answer: `execute("SET", "key",
        "value")`.
        """
        return self.client.execute_command(*command)

    def open_plain(self) -> Client | ClusterClient:
        """Return a client of its own, to be closed by the caller, whose answers are, but in a Redis
        Cluster, as Redis sends them.
        """
        client = self._open()
        if isinstance(client, Client):
            client.response_callbacks.clear()
        return client

    def __getattr__(self, name: str) -> Answer:
        """Return a method of redis-py's client that has no other meaning here: get, set, hset,
        pipeline, pubsub, lock ...
        """
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.client, name)

    def _open(self) -> Client | ClusterClient:
        config = self.config
        name = f"outgoing redis {self.name!r}"
        address = config.address
        if not address and not config.host:
            address = self._own_address()
        if is_cluster(address):
            return self._open_cluster(name, address)
        return Client(
            name,
            timeout=config.timeout,
            max_connections=config.max_connections,
            decode_responses=config.decode,
            protocol=2,
            **self._target(address),
        )

    def _open_cluster(self, name: str, address: str) -> ClusterClient:
        config = self.config
        if config.db and not config.address:
            raise Unavailable(f"{name}: a Redis Cluster has only the database 0")
        parsed = parse_cluster(address)
        options: dict[str, Option] = self._login()
        if parsed.scheme == "rediss":
            options.update(self._tls_options())
        return ClusterClient(
            name,
            parsed,
            timeout=config.timeout,
            max_connections=config.max_connections,
            decode_responses=config.decode,
            **options,
        )

    def _target(self, address: str) -> dict[str, Option]:
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
        target.update(self._login())
        if issubclass(target["connection_class"], TlsConnection):
            target.update(self._tls_options())
        return target

    def _login(self) -> dict[str, str]:
        return login_options(self.config.username, str(self.config.password or ""))

    def _tls_options(self) -> dict[str, str]:
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
                f"outgoing redis {self.name!r} names no address, and this server has no Redis of its own"
            )
        return address
