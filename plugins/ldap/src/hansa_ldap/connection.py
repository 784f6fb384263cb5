"""One connection to a directory, as the pool holds it: it binds and searches, by ldap3."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import ldap3
from hansa import Unavailable
from ldap3.core.exceptions import LDAPException
from ldap3.core.results import (
    RESULT_CONSTRAINT_VIOLATION,
    RESULT_INAPPROPRIATE_AUTHENTICATION,
    RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    RESULT_INVALID_CREDENTIALS,
    RESULT_INVALID_DN_SYNTAX,
    RESULT_NO_SUCH_OBJECT,
    RESULT_SIZE_LIMIT_EXCEEDED,
    RESULT_SUCCESS,
    RESULT_UNWILLING_TO_PERFORM,
)

from .names import ServerAddress

_REFUSED = frozenset(
    (
        RESULT_CONSTRAINT_VIOLATION,
        RESULT_INAPPROPRIATE_AUTHENTICATION,
        RESULT_INSUFFICIENT_ACCESS_RIGHTS,
        RESULT_INVALID_CREDENTIALS,
        RESULT_INVALID_DN_SYNTAX,
        RESULT_NO_SUCH_OBJECT,
        RESULT_UNWILLING_TO_PERFORM,
    )
)
"""Results of a bind that refuse the login; all others say that the directory cannot judge it."""
Scope = Literal["BASE", "LEVEL", "SUBTREE"]


class Disconnected(Unavailable):
    """The connection broke; another one may do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the directory, with the attributes that were asked for, by lower-case name."""

    dn: str
    attributes: dict[str, list[str]]

    def values(self, attribute: str) -> list[str]:
        """Return the values of an attribute, in any case; none if the entry lacks it."""
        return self.attributes.get(attribute.lower(), [])


class VerifiedTls(ldap3.Tls):
    """TLS by a context of Python's ssl, which verifies certificate and host name itself."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:
        """Encrypt the socket of a connection."""
        connection.socket = self._context.wrap_socket(
            connection.socket,
            do_handshake_on_connect=do_handshake,
            server_hostname=connection.server.host,
        )


class DirectoryConnection:
    """A connection to the first of some servers that answers.

    It is bound as nobody, the service account or a user: each use binds it anew. Raises
    `Disconnected` when the network or a server fails it, `Unavailable` for what a server cannot do.
    """

    def __init__(
        self,
        servers: Sequence[ServerAddress],
        *,
        context: ssl.SSLContext | None,
        start_tls: bool,
        connect_timeout: float,
    ) -> None:
        self.broken = False
        self.ends = 0.0
        self._servers = servers
        self._context = context
        self._start_tls = start_tls
        self._connect_timeout = connect_timeout
        self._ldap: ldap3.Connection | None = None
        self._bound_as: str | None = None

    # -- what the pool calls -----------------------------------------------------------------------

    def open(self, timeout: float) -> None:
        """Connect to the first server that answers within `timeout` seconds; raises
        `Disconnected`.
        """
        ends = time.monotonic() + timeout
        reasons = []
        for server in self._servers:
            rest = ends - time.monotonic()
            if rest <= 0:
                break
            try:
                self._connect(server, min(rest, self._connect_timeout))
                return
            except (LDAPException, OSError) as error:
                self.close()
                reasons.append(f"{server.host}:{server.port}: {' '.join(str(error).split())}")
        self.broken = True
        raise Disconnected(f"no server of the directory can be reached: {'; '.join(reasons)}")

    def _connect(self, server: ServerAddress, timeout: float) -> None:
        tls = None if self._context is None else VerifiedTls(self._context)
        made = ldap3.Connection(
            ldap3.Server(
                server.host,
                server.port,
                use_ssl=server.encrypted,
                get_info=ldap3.NONE,
                tls=tls,
                connect_timeout=timeout,
            ),
            client_strategy=ldap3.SYNC,
            auto_referrals=False,
            check_names=False,
            receive_timeout=max(1, round(timeout)),  # whole seconds, as ldap3 has it
            auto_bind=False,
        )
        self._ldap = made
        made.open(read_server_info=False)
        if self._start_tls and not server.encrypted:
            made.start_tls(read_server_info=False)

    def close(self) -> None:
        """Close the connection."""
        made = self._ldap
        self._ldap = None
        self._bound_as = None
        if made is not None:
            with suppress(LDAPException, OSError):
                made.unbind()

    def abort(self) -> None:
        """Make a call that waits fail, from another thread."""
        made = self._ldap
        if made is not None and made.socket is not None:
            with suppress(OSError):
                made.socket.shutdown(socket.SHUT_RDWR)

    def alive(self) -> bool:
        """Whether it seems usable."""
        return self._ldap is not None and not self._ldap.closed

    def check(self) -> None:
        """Bind as nobody; raises `Disconnected` if no answer comes."""
        self.bind("", "")

    # -- what logins need --------------------------------------------------------------------------

    def bind(self, dn: str, password: str) -> bool:
        """Whether the directory accepts a password; both empty: bind as nobody.

        An empty password with a name is never sent: directories take it for an anonymous login, and
        accept it (RFC 4513, section 5.1.2).
        """
        if bool(dn) != bool(password):
            raise ValueError("a name and a password belong together")
        self._bound_as = None
        with self._talking() as made:
            # as bytes, since ldap3 could make an empty password of one that is prepared (RFC 4013)
            made.user = dn or None
            made.password = password.encode() or None
            made.authentication = ldap3.SIMPLE if dn else ldap3.ANONYMOUS
            made.bind(read_server_info=False)
            result = made.result["result"]
        if result == RESULT_SUCCESS:
            self._bound_as = dn
            return True
        if result in _REFUSED:
            return False
        raise Unavailable(f"the directory cannot judge a login: {self._answer()}")

    def is_bound_as(self, dn: str) -> bool:
        """Whether the last bind was this one, and was accepted."""
        return self._bound_as == dn

    def search(
        self, base: str, text: str, scope: Scope, attributes: Iterable[str], limit: int
    ) -> list[Entry]:
        """Return the entries that a filter finds, at most `limit`; raises `Unavailable` where the
        directory does not search.
        """
        wanted = [one for one in attributes if one] or [ldap3.NO_ATTRIBUTES]
        with self._talking() as made:
            seconds = max(1, int(self.ends - time.monotonic()))
            made.search(base, text, scope, attributes=wanted, size_limit=limit, time_limit=seconds)
            result = made.result["result"]
            response = made.response or []
        if result not in (RESULT_SUCCESS, RESULT_SIZE_LIMIT_EXCEEDED):
            raise Unavailable(f"the directory does not search below {base}: {self._answer()}")
        return [_entry(one) for one in response if one.get("type") == "searchResEntry"]

    def _answer(self) -> str:
        """Return what the last answer says."""
        assert self._ldap is not None
        result = self._ldap.result
        return f"{result['description']} {result['message']}".strip()

    @contextmanager
    def _talking(self) -> Iterator[ldap3.Connection]:
        made = self._ldap
        if made is None or made.closed:
            self.broken = True
            raise Disconnected("the connection to the directory is closed")
        try:
            yield made
        except (LDAPException, OSError) as error:
            self.broken = True
            reason = " ".join(str(error).split())
            raise Disconnected(f"the directory does not answer: {reason}") from error


def _entry(found: dict[str, object]) -> Entry:
    raw = found["raw_attributes"]
    assert hasattr(raw, "items")
    attributes = {
        str(name).lower(): [value.decode("utf-8", "replace") for value in values]
        for name, values in raw.items()
    }
    return Entry(str(found["dn"]), attributes)
