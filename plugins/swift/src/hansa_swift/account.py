"""What the channel and the outgoing connection have in common: a login, and a pool of connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from hansa import Unavailable
from hansa_connect.login import LoggedIn
from hansa_connect.pooled import Pooled
from hansa_connect.remote import RemoteForbidden, RemoteNotFound

from .settings import SwiftServerSettings

if TYPE_CHECKING:
    from .connection import Client, SwiftConnection
    from .identity import Identity

ServerT = TypeVar("ServerT", bound=SwiftServerSettings)


class SwiftAccount(LoggedIn[ServerT], Pooled[ServerT, "SwiftConnection"]):
    """Mixed into both types: logs in, and keeps connections for calls.

    Their client is not safe in threads, so each call has one for itself.
    """

    _identity: Identity | None = None

    def open_account(self, *containers: str) -> None:
        """Log in and ask for the account, or for containers; raises what is wrong."""
        # a worker that does without Swift saves the memory of its libraries
        with self.importing:
            from .identity import Identity

        self._identity = Identity(self.connection_config)
        self.open_pool()
        self.ask_for(*containers)

    def ask_for(self, *containers: str) -> None:
        """Ask the server whether it is there, and has containers; raises what is wrong."""
        with self.pool.use() as connection:
            if not containers:
                connection.check()
            for container in containers:
                try:
                    about = f"container {container}"
                    with suppress(RemoteForbidden), connection.asking(about) as client:
                        client.head_container(container)
                except RemoteNotFound as error:
                    setting = "container" if self.kind == "outgoing" else "containers"
                    fault = f"{connection.where}: {error}; check the setting {setting}"
                    raise Unavailable(fault) from error

    def new_connection(self) -> SwiftConnection:
        """Return a connection that is not open yet."""
        with self.importing:
            from .connection import SwiftConnection

        if self._identity is None:
            raise Unavailable(f"{self.what} is not started")
        return SwiftConnection(self._identity)

    @contextmanager
    def call(self, what: str, timeout: float = 0.0) -> Iterator[Client]:
        """Lend a client to requests about an object or container, `what`, within `timeout` seconds.

        By default the setting `timeout`.
        """
        with self.pool.use(timeout or None) as connection, connection.asking(what) as client:
            yield client
