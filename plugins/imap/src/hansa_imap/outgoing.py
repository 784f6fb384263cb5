"""The outgoing connection imap: searches, reads and moves the messages of an account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hansa import ResultTooLarge
from hansa_connect.pooled import PooledOutgoing
from hansa_connect.remote import RemoteNotFound

from .account import AccountConnections
from .mail import Mail, parse_mail
from .settings import SEEN, ReadingSettings

if TYPE_CHECKING:
    from .connection import Connection


class ImapOutgoing(
    AccountConnections[ReadingSettings], PooledOutgoing[ReadingSettings, "Connection"]
):
    """Mail for services: `for mail in self.outgoing.imap["name"].find("UNSEEN"): ...`.

    Safe in many threads. Messages are named by their `uid` in a mailbox, by default that of the
    settings. Every method takes `timeout`, its time limit in seconds, and raises `RemoteNotFound` or
    `RemoteForbidden` for a mailbox or message, `TimedOut` at the deadline, and `Unavailable` when the
    server is gone.
    """

    type = "imap"

    @contextmanager
    def _selected(self, mailbox: str, timeout: float) -> Iterator[Connection]:
        """Lend a connection with a mailbox selected; it goes back with that of the settings."""
        with self.observed(), self.pool.use(timeout or None) as connection:
            if not mailbox or mailbox == self.config.mailbox:
                yield connection
                return
            try:
                connection.select(mailbox)
                yield connection
            finally:
                if not connection.broken:
                    connection.select(self.config.mailbox)

    def search(
        self, criteria: str = "UNSEEN", mailbox: str = "", *, timeout: float = 0
    ) -> list[int]:
        """Return the uids of the messages that meet criteria (SEARCH of RFC 9051), oldest first.

        Raises `Invalid` for criteria that the server does not take.
        """
        with self._selected(mailbox, timeout) as connection:
            return connection.search(criteria)

    def find(
        self, criteria: str = "UNSEEN", mailbox: str = "", *, limit: int = 50, timeout: float = 0
    ) -> Iterator[Mail]:
        """Return the messages that meet criteria, oldest first, at most `limit`, one at a time.

        None of them is marked as seen.
        """
        for uid in self.search(criteria, mailbox, timeout=timeout)[:limit]:
            try:
                mail = self.read(uid, mailbox, timeout=timeout)
            except RemoteNotFound:  # it is gone meanwhile
                continue
            yield mail

    def read(self, uid: int, mailbox: str = "", *, timeout: float = 0) -> Mail:
        """Return a message; raises `ResultTooLarge` over the setting `read_limit`."""
        raw = self.read_raw(uid, mailbox, timeout=timeout)
        return parse_mail(raw, mailbox or self.config.mailbox, uid)

    def read_raw(self, uid: int, mailbox: str = "", *, timeout: float = 0) -> bytes:
        """Return the bytes of a message; raises `ResultTooLarge` over the setting `read_limit`."""
        limit = self.config.read_limit
        with self._selected(mailbox, timeout) as connection:
            found = next(connection.fetch([uid], limit), None)
        if found is None:
            raise RemoteNotFound(f"there is no message {uid}")
        if found.raw is None:
            raise ResultTooLarge(f"message {uid} has {found.size} bytes; read_limit is {limit}")
        return found.raw

    def flag(self, uid: int, flag: str = SEEN, mailbox: str = "", *, timeout: float = 0) -> None:
        """Set a flag of a message: by default it is marked as seen."""
        with self._selected(mailbox, timeout) as connection:
            connection.flag(uid, flag)

    def move(self, uid: int, target: str, mailbox: str = "", *, timeout: float = 0) -> None:
        """Move a message to another mailbox."""
        with self._selected(mailbox, timeout) as connection:
            connection.move(uid, target)

    def delete(self, uid: int, mailbox: str = "", *, timeout: float = 0) -> None:
        """Delete a message."""
        with self._selected(mailbox, timeout) as connection:
            connection.delete(uid)

    def append(self, raw: bytes, mailbox: str = "", *, timeout: float = 0) -> None:
        """Put a message, as bytes of RFC 5322, into a mailbox."""
        with self.observed(), self.pool.use(timeout or None) as connection:
            connection.append(raw, mailbox or self.config.mailbox)

    def mailboxes(self, *, timeout: float = 0) -> list[str]:
        """Return the names of all mailboxes."""
        with self.observed(), self.pool.use(timeout or None) as connection:
            return connection.mailboxes()
