"""What the channel and the outgoing connection have in common: how they connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hansa_connect.login import LoggedIn
from hansa_connect.pooled import Pooled

from .settings import ImapServerSettings

if TYPE_CHECKING:
    from .connection import Connection

AccountT = TypeVar("AccountT", bound=ImapServerSettings)


class AccountConnections(LoggedIn[AccountT], Pooled[AccountT, "Connection"]):
    """Mixed into both types: makes connections to the account of the definition.

    A token of a security definition is sent by XOAUTH2.
    """

    login_means = ("password", "token")

    def new_connection(self) -> Connection:
        """Return a connection that is not open yet."""
        # a worker that does without IMAP saves the memory of imap-tools
        from .connection import Connection

        login = self._login()
        token = login is not None and login.means == "token"
        return Connection(self.connection_config, token=token)
