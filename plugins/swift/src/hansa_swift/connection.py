"""A connection to Swift, for a pool: a client of python-swiftclient with a deadline for each call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import swiftclient
from hansa import Unavailable
from hansa_connect.files import is_clean
from hansa_connect.remote import RemoteForbidden
from keystoneauth1.session import Session as IdentitySession
from swiftclient.client import HTTPConnection

from .faults import translated
from .identity import Identity
from .transport import Session

FIRST_BACKOFF = 0.25
"""Seconds before a request is sent again."""
LONGEST_BACKOFF = 2.0


class Client(swiftclient.Connection):  # type: ignore[misc] # swiftclient has no types
    """The client of python-swiftclient over the session of a connection."""

    def __init__(self, connection: SwiftConnection) -> None:
        self._connection = connection
        super().__init__(
            session=connection.identity_session,
            retries=connection.config.retries,
            starting_backoff=FIRST_BACKOFF,
            max_backoff=LONGEST_BACKOFF,
        )

    def get_auth(self) -> tuple[str, str]:
        """Return where the account is, and a token."""
        self.url, self.token = self._connection.log_in()
        return self.url, self.token

    def http_connection(self, url: str | None = None) -> tuple[Any, HTTPConnection]:
        """Return what swiftclient sends requests by."""
        made = HTTPConnection(url or self.url)
        made.request_session = self._connection.session
        return made.parsed_url, made


class SwiftConnection:
    """A connection of a pool; calls are made with `asking`.

    `contacted` is the host that the last request went to.
    """

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.config = identity.config
        self.broken = False
        self.aborted = False
        self.ends = 0.0
        self.contacted = identity.where
        self.where = identity.where
        self._opened_by = float("inf")
        self.session = Session(self, identity.context)
        self.identity_session = IdentitySession(
            auth=identity.plugin, session=self.session, redirect=False
        )
        self.client = Client(self)

    @property
    def deadline(self) -> float:
        """When the present call must be over, by a steady clock."""
        return min(self.ends, self._opened_by)

    # -- for the pool ------------------------------------------------------------------------------

    def open(self, timeout: float) -> None:
        """Log in, or take the token that another connection has; raises what is wrong."""
        self._opened_by = time.monotonic() + min(timeout, self.config.connect_timeout)
        try:
            with translated(self, "the account"):
                self.client.get_auth()
        finally:
            self._opened_by = float("inf")

    def close(self) -> None:
        """Close the sockets."""
        self.session.close()

    def abort(self) -> None:
        """End a call that waits for the server."""
        self.aborted = True
        self.session.sockets.shut_down()

    def alive(self) -> bool:
        """Return whether it can be used, as far as is known without asking the server."""
        return not self.broken and not self.aborted and self.session.sockets.are_silent()

    def check(self) -> None:
        """Ask the server for the account; raises if it does not answer.

        That the user may not read it is no fault.
        """
        with suppress(RemoteForbidden), self.asking("the account") as client:
            client.head_account()

    # -- calls -------------------------------------------------------------------------------------

    @contextmanager
    def asking(self, what: str) -> Iterator[Client]:
        """Lend the client to requests about an object or container, `what`.

        What the libraries raise is raised as an error of Hansa.
        """
        with translated(self, what):
            # another token, if the one that is there ends soon
            if self.identity_session.get_token() != self.client.token:
                self.client.get_auth()
            yield self.client

    def log_in(self) -> tuple[str, str]:
        """Return where the account is, and a token that is valid for a while."""
        config = self.config
        url: str | None = config.storage_url
        token = self.identity_session.get_token()
        if not url:
            url = self.identity_session.get_endpoint(
                service_type="object-store",
                interface=config.interface,
                region_name=config.region or None,
            )
        if not url or not token:
            raise Unavailable(
                f"{self.identity.where} knows no object store for {config.username}; "
                "check the settings region, interface and project"
            )
        if config.auth_url.startswith("https://") and not url.startswith("https://"):
            raise Unavailable(
                f"{self.identity.where} tells an address of the object store without TLS; "
                "set storage_url to one that begins with https://"
            )
        self.where = urlsplit(url).netloc if is_clean(url) else self.identity.where
        return url.rstrip("/"), token
