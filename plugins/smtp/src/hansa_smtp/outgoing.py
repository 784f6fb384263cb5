"""The outgoing connection smtp: sends mail by a mail server."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hansa import Invalid, current_cid
from hansa_connect.login import LoggedIn
from hansa_connect.pooled import PooledOutgoing

from .message import Draft, File, Recipients, as_attachments
from .settings import SmtpSettings

if TYPE_CHECKING:
    from .connection import Connection


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a message: its id, and the recipients refused, each with the server's reply."""

    message_id: str
    refused: dict[str, str] = field(default_factory=dict)


class SmtpOutgoing(LoggedIn[SmtpSettings], PooledOutgoing[SmtpSettings, "Connection"]):
    """Sends mail: `self.outgoing.smtp["name"].send("ada@example.com", "Hello", "How are you?")`.

    Safe in many threads. A token of a security definition is sent by XOAUTH2.
    """

    type = "smtp"
    login_means = ("password", "token")

    def new_connection(self) -> Connection:
        """Return a connection that is not open yet."""
        # a worker that sends no mail saves the memory of smtplib
        from .connection import Connection

        login = self._login()
        return Connection(
            self.connection_config, token=login is not None and login.means == "token"
        )

    def send(
        self,
        to: Recipients,
        subject: str,
        text: str = "",
        *,
        html: str = "",
        sender: str = "",
        cc: Recipients = (),
        bcc: Recipients = (),
        reply_to: Recipients = (),
        attachments: Iterable[File] = (),
        headers: Mapping[str, str] | None = None,
        timeout: float = 0,
    ) -> Sent:
        """Send a message, and return its id and the recipients that the server refused.

        Recipients are addresses separated by commas, or a list of them; the sender is that of the
        settings if none is given; those of `bcc` are in no header. An attachment may also be a tuple
        of name and content. Raises `Invalid` for what cannot be sent, all faults at once by argument,
        `MailRefused` if the server takes it for nobody, `Unavailable` or `TimedOut` (after `timeout`
        seconds, by default those of the settings); after these two the message may have been sent
        all the same.
        """
        cid = current_cid.get()
        own_headers = {} if cid == "-" else {"X-Hansa-CID": cid}
        draft = Draft(
            sender=sender or self.config.sender,
            to=to,
            subject=subject,
            text=text,
            html=html,
            cc=cc,
            bcc=bcc,
            reply_to=reply_to,
            attachments=as_attachments(attachments),
            headers={**own_headers, **(headers or {})},
        )
        envelope = draft.envelope()
        if len(envelope.data) > self.config.size_limit:
            limit = self.config.size_limit
            fault = f"the message has {len(envelope.data)} bytes; size_limit is {limit}"
            raise Invalid({"attachments": fault}, fault)
        with self.observed(), self.pool.use(timeout or None) as connection:
            refused = connection.send(envelope, connection.ends - time.monotonic())
        return Sent(envelope.message_id, refused)
