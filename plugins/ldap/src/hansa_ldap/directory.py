"""Who a user name and a password are, by what a directory says."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

from hansa import HansaError, Unavailable
from hansa_connect.pool import Pool
from hansa_connect.tls import TlsTrust, context_of

from .connection import DirectoryConnection, Disconnected, Entry
from .names import filled_dn, filled_filter, first_value, parse_server
from .principal import DirectoryPrincipal
from .settings import LdapSettings

MOST_GROUPS = 1000
"""Maximum number of groups that a search returns."""


class Directory:
    """A directory that judges logins, by the settings of a definition.

    `resolve` returns the settings of TLS with files in place of names. `trouble` is called with why
    the directory does not answer, and with an empty text that it does again.
    """

    def __init__(
        self,
        name: str,
        settings: LdapSettings,
        resolve: Callable[[], TlsTrust],
        trouble: Callable[[str], None],
        log: logging.Logger,
    ) -> None:
        self._name = name
        self._settings = settings
        self._servers = [parse_server(url) for url in settings.servers]
        self._resolve = resolve
        self._trouble = trouble
        self._log = log
        self._why = ""
        self._pool: Pool[DirectoryConnection] = Pool(
            f"security ldap {name!r}",
            self._new_connection,
            limit=settings.max_connections,
            timeout=settings.timeout,
            lost=lambda error: self._tell(str(error)),
        )

    def start(self) -> None:
        """Open a first connection; a directory that does not answer is reported, not a failure."""
        try:
            self._pool.start()
        except (HansaError, OSError) as error:
            self._tell(str(error))

    def stop(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _new_connection(self) -> DirectoryConnection:
        settings = self._settings
        encrypted = settings.start_tls or any(server.encrypted for server in self._servers)
        return DirectoryConnection(
            self._servers,
            context=context_of(self._resolve()) if encrypted else None,
            start_tls=settings.start_tls,
            connect_timeout=settings.connect_timeout,
        )

    def _tell(self, why: str) -> None:
        if why != self._why:
            self._why = why
            self._trouble(why)
            if why:
                self._log.warning("%s", why)

    # -- logins ------------------------------------------------------------------------------------

    def login(self, username: str, password: str) -> DirectoryPrincipal | None:
        """Return who somebody is, None if the directory refuses the login.

        Raises `Unavailable`, or `TimedOut`, while no server can judge it.
        """
        try:
            found = self._login(username, password)
        except HansaError as error:
            self._tell(error.detail)
            raise Unavailable(
                "the directory does not answer at the moment", retry_after=2
            ) from error
        self._tell("")
        return found

    def _login(self, username: str, password: str) -> DirectoryPrincipal | None:
        try:
            with self._pool.use() as connection:
                return self._judge(connection, username, password)
        except Disconnected:
            # a server that was restarted has closed what the pool kept: once more, with a new one
            with self._pool.use() as connection:
                return self._judge(connection, username, password)

    def _judge(
        self, connection: DirectoryConnection, username: str, password: str
    ) -> DirectoryPrincipal | None:
        settings = self._settings
        if settings.user_dn:
            dn = filled_dn(settings.user_dn, username)
            if not connection.bind(dn, password):
                return None
            entry = self._own_entry(connection, dn)
        else:
            entry = self._find(connection, username)
            # a user that is not there takes the same path as one that is
            dn = f"cn={secrets.token_hex(8)},{settings.search_base}" if entry is None else entry.dn
            if not connection.bind(dn, password):
                return None
        if entry is None:
            return None
        return self._principal(connection, entry, username)

    def _own_entry(self, connection: DirectoryConnection, dn: str) -> Entry | None:
        found = connection.search(dn, "(objectClass=*)", "BASE", self._attributes, limit=1)
        if not found:
            self._log.warning("the entry %s cannot be read by its own user, who is refused", dn)
            return None
        return found[0]

    def _find(self, connection: DirectoryConnection, username: str) -> Entry | None:
        settings = self._settings
        self._become_service(connection)
        text = filled_filter(settings.search_filter, username)
        base = settings.search_base
        found = connection.search(base, text, "SUBTREE", self._attributes, limit=2)
        if len(found) > 1:
            self._log.warning("%r is the name of several users, who are refused", username)
            return None
        return found[0] if found else None

    @property
    def _attributes(self) -> list[str]:
        return [self._settings.name_attribute, self._settings.group_attribute]

    def _become_service(self, connection: DirectoryConnection) -> None:
        settings = self._settings
        if connection.is_bound_as(settings.bind_dn):
            return
        if not connection.bind(settings.bind_dn, str(settings.bind_password or "")):
            who = settings.bind_dn or "nobody"
            raise Unavailable(f"the directory refuses the login of {who}, who searches")

    def _principal(
        self, connection: DirectoryConnection, entry: Entry, username: str
    ) -> DirectoryPrincipal | None:
        names = entry.values(self._settings.name_attribute)
        if not names or not names[0]:
            attribute = self._settings.name_attribute
            self._log.warning("%s has no attribute %s, so its user is refused", entry.dn, attribute)
            return None
        groups = set(entry.values(self._settings.group_attribute))
        if self._settings.group_base:
            groups |= self._search_groups(connection, entry, username)
        if self._settings.group_names == "name":
            groups = {first_value(group) for group in groups}
        return DirectoryPrincipal(names[0], self._name, entry.dn, tuple(sorted(groups)))

    def _search_groups(
        self, connection: DirectoryConnection, entry: Entry, username: str
    ) -> set[str]:
        settings = self._settings
        self._become_service(connection)
        text = filled_filter(settings.group_filter, username, entry.dn)
        found = connection.search(settings.group_base, text, "SUBTREE", (), limit=MOST_GROUPS)
        return {group.dn for group in found}

    def check(self) -> str:
        """Return which servers are asked, after the account that searches has logged in; raises
        `Unavailable`.
        """
        with self._pool.use() as connection:
            self._become_service(connection)
            if self._settings.search_base:
                base = self._settings.search_base
                connection.search(base, "(objectClass=*)", "BASE", (), limit=1)
        self._tell("")
        return f"answers: {', '.join(self._settings.servers)}"
