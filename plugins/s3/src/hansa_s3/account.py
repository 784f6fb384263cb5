"""What the channel and the outgoing connection have in common: whose key they use, and the client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from hansa import Definition, Invalid, Login, Unavailable
from hansa_connect.login import login_source
from hansa_connect.tls import definitions_of, resolved

from .settings import S3ServerSettings

if TYPE_CHECKING:
    from .store import Store

ServerT = TypeVar("ServerT", bound=S3ServerSettings)


class S3Account(Definition[ServerT]):
    """Mixed into both types: makes the client with the key of the settings or of a security definition.

    A definition of type `aws` supplies its key, and one that supplies a user name and a password
    these as identifier and secret.
    """

    _store: Store | None = None

    @classmethod
    def logins(cls, config: ServerT) -> Iterable[str]:
        """Return the security definitions that supply the key and what TLS needs."""
        _, name = login_source(config)
        return ([name] if name else []) + definitions_of(config)

    @property
    def store(self) -> Store:
        """The client; raises `Unavailable` before it is opened."""
        if self._store is None:
            raise Unavailable(f"{self.kind} {self.type} {self.name!r} is not started")
        return self._store

    def open_store(self, bucket: str) -> None:
        """Make the client and ask the server; raises if it is not there."""
        # a worker that does without S3 saves the memory of boto3
        with self.importing:
            from .store import Store

        config = resolved(self.config, self.server.objects)
        self._store = Store(config, self._login(), self.trouble)
        self._store.open()
        self._store.check(bucket)

    def close_store(self) -> None:
        """Close all connections; may be called more than once."""
        if self._store is not None:
            self._store.close()

    def _login(self) -> Login | None:
        source, name = login_source(self.config)
        if not name:
            return None
        login = self.server.objects.security(name).login()
        if not login.username or login.password is None:
            fault = f"{name!r} supplies no access key: it must be of type aws"
            raise Invalid({source: fault})
        return login
