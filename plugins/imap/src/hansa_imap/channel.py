"""The channel imap: passes each message of a mailbox to a service."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.header import Header
from typing import TYPE_CHECKING

from hansa import Request, Unavailable
from hansa_connect.delivery import Delivery
from hansa_connect.files import one_line
from hansa_connect.pulling import PullingChannel

from .account import AccountConnections
from .mail import parse_mail, plain_mail
from .settings import ReceivingSettings

if TYPE_CHECKING:
    from .connection import Connection, Stored


@dataclass(slots=True, eq=False)
class MailDelivery(Delivery):
    """A message of a mailbox; a service gets it parsed, unless the channel delivers bytes."""

    mailbox: str = ""
    parsed: bool = True

    def request(self) -> Request:
        """Return what the service gets, with the cid of the channel."""
        headers = {
            "mail-uid": str(self.tag),
            "mail-mailbox": self.mailbox,
        }
        if not self.parsed:
            return Request(self.body, headers=headers, cid=self.cid, attempt=self.attempt)
        mail = parse_mail(self.body, self.mailbox, self.tag)
        return Request(
            payload=plain_mail(mail), headers=headers, cid=self.cid, attempt=self.attempt
        )


class ImapChannel(AccountConnections[ReceivingSettings], PullingChannel[ReceivingSettings]):
    """Receives the messages of a mailbox, each marked, moved or deleted once it was handled.

    One worker of the cluster receives. A message that its service cannot handle is tried again, and
    after `max_attempts` moved to the mailbox `failed`, with the cause in the header X-Hansa-Cause.
    """

    type = "imap"
    placement = "cluster"
    exclusive = True  # two objects would take the same messages
    flags_redelivery = False

    _receiver: Connection | None = None

    @property
    def receiver(self) -> Connection:
        """The connection that receives; raises `Unavailable` before `connect`."""
        if self._receiver is None:
            raise Unavailable(f"{self.what} is not started")
        return self._receiver

    def connect(self) -> None:
        """Open a connection to receive and one to settle, and make the mailboxes that are missing."""
        config = self.config
        self._taken: dict[int, float] = {}
        self._guard = threading.Lock()
        self._receiver = self.new_connection()
        self._receiver.open(config.timeout)
        self._receiver.search(config.search)
        self.open_pool()
        with self.pool.use() as connection:
            for mailbox in (config.failed, config.done):
                if mailbox:
                    connection.make_mailbox(mailbox)

    def disconnect(self) -> None:
        """Close all connections."""
        self.close_pool()
        if self._receiver is not None:
            self._receiver.close()

    def abort(self) -> None:
        """Shut the connection that receives down."""
        self.receiver.abort()

    # -- the source --------------------------------------------------------------------------------

    def fetch(self, limit: int, wait: float) -> Iterable[Delivery]:
        """Return messages that were not taken yet, or are due again."""
        ends = time.monotonic() + wait
        found = self._new(limit)
        while not found and time.monotonic() < ends and not self._stopping.is_set():
            self._wait(ends)
            found = self._new(limit)
        stored = self.receiver.fetch(found, self.config.max_body)
        return [self._delivery(one) for one in stored]

    def _new(self, limit: int) -> list[int]:
        """Take the first messages that nobody has in hand, and return their numbers."""
        listed = self.receiver.search(self.config.search)
        now = time.monotonic()
        with self._guard:
            there = self._taken.keys() & set(listed)
            self._taken = {uid: self._taken[uid] for uid in there}
            found = [uid for uid in listed if self._taken.get(uid, 0.0) <= now][:limit]
            for uid in found:
                self._taken[uid] = float("inf")
        return found

    def _wait(self, ends: float) -> None:
        """Wait for new messages, or until one is due again."""
        with self._guard:
            due = min([ends, *self._taken.values()])
        seconds = max(0.01, due - time.monotonic())
        if self.config.idle and self.receiver.can_idle:
            self.receiver.wait(seconds, self._stopping.is_set)
        else:
            self._stopping.wait(seconds)

    def _delivery(self, stored: Stored) -> Delivery:
        fault = ""
        if stored.raw is None:
            limit = self.config.max_body
            fault = f"the message has {stored.size} bytes; max_body is {limit}"
        return MailDelivery(
            stored.uid,
            stored.raw or b"",
            {},
            identity=f"{self.receiver.validity}-{stored.uid}",
            fault=fault,
            mailbox=self.config.mailbox,
            parsed=self.config.deliver == "mail",
        )

    def acknowledge(self, delivery: Delivery) -> None:
        """Mark, move or delete a message."""
        config = self.config
        with self.pool.use() as connection:
            if config.after == "flag":
                connection.flag(delivery.tag, config.flag)
            elif config.after == "move":
                connection.move(delivery.tag, config.done)
            else:
                connection.delete(delivery.tag)

    def put_back(self, delivery: Delivery, delay: float) -> None:
        """Have a message be taken again; nothing tells the server of it."""
        with self._guard:
            self._taken[delivery.tag] = time.monotonic() + delay

    def give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        """Move a message to the mailbox for those that failed, with the cause in its header.

        One that was too large to be read is moved as it is.
        """
        failed = self.config.failed
        with self.pool.use() as connection:
            if delivery.fault:
                connection.move(delivery.tag, failed)
            else:
                connection.append(self._with_cause(delivery, error) + delivery.body, failed)
                connection.delete(delivery.tag)

    def _with_cause(self, delivery: Delivery, error: BaseException | None) -> bytes:
        cause = one_line(error) if error is not None else "its service rejected it"
        lines = {
            "X-Hansa-Cause": _encoded(cause),
            "X-Hansa-Channel": _encoded(self.name),
            "X-Hansa-Attempts": str(delivery.attempt),
            "X-Hansa-CID": delivery.cid,
        }
        return "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode()


def _encoded(text: str) -> str:
    """Return a text as the value of a header (RFC 2047)."""
    charset = "us-ascii" if text.isascii() else "utf-8"
    return Header(text, charset).encode(linesep="\r\n")
