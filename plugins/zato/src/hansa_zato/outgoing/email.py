"""`self.email` as services of the Zato dialect use it, over hansa-smtp and hansa-imap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ..payloads import Value
from .connections import Connections
from .entry import OpenConnection
from .imap import IMAPConnection

if TYPE_CHECKING:
    from hansa import Server

Addresses: TypeAlias = str | Iterable[str] | None
"""Addresses separated by commas, or a list of them."""
REPLY_TO = "reply-to"


@dataclass
class SMTPMessage:
    """A message to be sent: `to`, `cc` and `bcc` are addresses separated by commas, or lists.

    `charset` is kept as in Zato; messages are sent in UTF-8.
    """

    from_: str | None = None
    to: Addresses = None
    subject: str = ""
    body: str = ""
    attachments: list[tuple[str, bytes | str]] = field(default_factory=list)
    cc: Addresses = None
    bcc: Addresses = None
    is_html: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    charset: str = "utf8"
    is_rfc2231: bool = True

    def attach(self, name: str, contents: bytes | str) -> None:
        """Attach a file."""
        self.attachments.append((name, contents))


class LiveMail(Protocol):
    """What is needed of Hansa's connection to a mail server."""

    def send(
        self,
        to: str | Iterable[str],
        subject: str,
        text: str = "",
        *,
        html: str = "",
        sender: str = "",
        cc: str | Iterable[str] = (),
        bcc: str | Iterable[str] = (),
        reply_to: str | Iterable[str] = (),
        attachments: Iterable[tuple[str, bytes | str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Value:
        """Send a message."""


class SMTPConnection(OpenConnection[LiveMail]):
    """One mail server."""

    def send(self, msg: SMTPMessage, from_: str | None = None) -> bool:
        """Send a message and return True.

        Raises what is wrong, where Zato logs it alone.
        """
        headers = {name: str(value) for name, value in msg.headers.items()}
        reply_to = [headers.pop(name) for name in list(headers) if name.lower() == REPLY_TO]
        self._live().send(
            msg.to or (),
            msg.subject,
            "" if msg.is_html else msg.body,
            html=msg.body if msg.is_html else "",
            sender=msg.from_ or from_ or "",
            cc=msg.cc or (),
            bcc=msg.bcc or (),
            reply_to=reply_to,
            attachments=msg.attachments,
            headers=headers,
        )
        return True


class Email:
    """`self.email`: the mail servers of each protocol, by name."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def smtp(self) -> Connections:
        """Servers that send mail."""
        return Connections(self._server, "smtp", SMTPConnection)

    @property
    def imap(self) -> Connections:
        """Servers that keep received mail."""
        return Connections(self._server, "imap", IMAPConnection)
