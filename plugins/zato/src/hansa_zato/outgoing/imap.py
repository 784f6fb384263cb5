"""One mailbox as services of the Zato dialect use it: `get`, and what becomes of each message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO
from typing import Final, Protocol

from ..bunch import Bunch
from .entry import OpenConnection

UNSEEN: Final = "UNSEEN"
ALL_OF_THEM: Final = 2**31


class LiveFile(Protocol):
    """A file in a message, as Hansa's connection reads it."""

    name: str
    media_type: str
    content: bytes
    content_id: str


class LiveMail(Protocol):
    """A message, as Hansa's connection reads it."""

    uid: int
    mailbox: str
    message_id: str
    sender: str
    sender_name: str
    to: list[str]
    cc: list[str]
    reply_to: list[str]
    subject: str
    date: datetime | None
    text: str
    html: str
    attachments: Sequence[LiveFile]


class LiveMailbox(Protocol):
    """What is needed of Hansa's connection to a mail server."""

    def find(self, criteria: str, mailbox: str, *, limit: int) -> Iterator[LiveMail]:
        """Return the messages that meet criteria, one at a time."""

    def flag(self, uid: int, flag: str, mailbox: str) -> None:
        """Set a flag of a message."""

    def delete(self, uid: int, mailbox: str) -> None:
        """Delete a message."""

    def ping(self) -> str:
        """Check that the server answers."""


class IMAPMessage:
    """One message: `data` is what it holds, with the names that Zato has for it."""

    def __init__(self, uid: int, folder: str, conn: IMAPConnection, data: Bunch) -> None:
        self.uid = uid
        self.folder = folder
        self.conn = conn
        self.data = data

    def mark_seen(self) -> None:
        """Mark the message as seen."""
        self.conn.mark_seen(self.uid, self.folder)

    def delete(self) -> None:
        """Delete the message."""
        self.conn.delete(self.uid, self.folder)


class IMAPConnection(OpenConnection[LiveMailbox]):
    """The messages of an account.

    What Hansa's own connection offers besides, such as `search`, can be called, too.
    """

    def get(self, folder: str = "", criteria: str = UNSEEN) -> Iterator[tuple[int, IMAPMessage]]:
        """Return the messages that meet criteria, oldest first, each with its uid, one at a time.

        The folder is that of the connection if none is given. None of them is marked as seen.
        """
        for mail in self._live().find(criteria, folder, limit=ALL_OF_THEM):
            yield mail.uid, IMAPMessage(mail.uid, folder, self, data_of(mail))

    def mark_seen(self, uid: int, folder: str = "") -> None:
        """Mark a message as seen."""
        self._live().flag(uid, "\\Seen", folder)

    def delete(self, uid: int, folder: str = "") -> None:
        """Delete a message."""
        self._live().delete(uid, folder)

    def ping(self, *ignored: object) -> str:
        """Check that the server answers; raises what is wrong."""
        return self._live().ping()


def data_of(mail: LiveMail) -> Bunch:
    """Return a message as Zato's services read it: `subject`, `sent_from`, `body.plain` and so on."""
    sender = Bunch(name=mail.sender_name, email=mail.sender)
    return Bunch(
        subject=mail.subject,
        message_id=mail.message_id,
        sent_from=[sender] if mail.sender else [],
        sent_to=_addresses(mail.to),
        cc=_addresses(mail.cc),
        reply_to=_addresses(mail.reply_to),
        date="" if mail.date is None else mail.date.isoformat(),
        parsed_date=mail.date,
        body=Bunch(
            plain=[mail.text] if mail.text else [],
            html=[mail.html] if mail.html else [],
        ),
        attachments=[_attachment(one) for one in mail.attachments],
    )


def _addresses(found: list[str]) -> list[Bunch]:
    return [Bunch(name="", email=address) for address in found]


def _attachment(file: LiveFile) -> Bunch:
    found = Bunch(filename=file.name, size=len(file.content), content=BytesIO(file.content))
    found["content-type"] = file.media_type
    found["content-id"] = file.content_id
    return found
