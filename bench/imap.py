"""IMAP: messages put into a mailbox, read and taken, against bare imaplib, with the same Dovecot over TLS."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from functools import partial
from pathlib import Path

from hansa_devkit.harness.objects import made
from hansa_imap.channel import ImapChannel
from hansa_imap.outgoing import ImapOutgoing

from plugins.imap.tests.servers import Dovecot

from .measure import Figure
from .messages import Counting, Taken, compared, repeated, started, taken

COUNT = 100
"""Messages in one run."""


def imap(folder: Path) -> Iterator[Figure]:
    """Messages of a mailbox put there, read and taken, against bare imaplib."""
    with Dovecot() as server, bare_client(server) as client:
        with started(made(ImapOutgoing, server.settings)) as outgoing:
            yield from compared(
                f"IMAP: put {COUNT} messages of 1 KB into a mailbox, one after another",
                "imaplib",
                partial(emptied, server, lambda: outgoing.append(MESSAGE)),
                partial(emptied, server, lambda: client.append("INBOX", "", "", MESSAGE)),
            )
            fill(server)
            [uid, *_] = outgoing.search("ALL")
            client.noop()  # has the server tell of them
            yield from compared(
                f"IMAP: read {COUNT} messages of 1 KB, one after another",
                "imaplib",
                lambda: repeated(lambda: outgoing.read(uid), COUNT),
                lambda: repeated(lambda: bare_read(client, str(uid)), COUNT),
            )
        yield from compared(
            f"IMAP: take {COUNT} messages of 1 KB, and mark each",
            "imaplib",
            partial(take, server),
            partial(bare_take, server),
        )


def message() -> bytes:
    """A message with a text of 1 KB."""
    mail = EmailMessage(SMTP)
    mail["From"], mail["To"] = "Ada Lovelace <ada@example.com>", "orders@example.com"
    mail["Subject"], mail["Message-ID"] = "Order 17", "<17@example.com>"
    mail.set_content("cloth, salt, furs, wax, grain and herring\n" * 24)
    return mail.as_bytes()


MESSAGE = message()


def parsed(raw: bytes) -> str:
    """Return the text of a message, as a program reads it."""
    found = message_from_bytes(raw, policy=default)
    if found["Subject"] != "Order 17":
        raise RuntimeError("another message")
    return str(found.get_content())


def emptied(server: Dovecot, call: Callable[[], object]) -> Taken:
    """What calls take that fill an empty mailbox."""
    server.clear()
    return repeated(call, COUNT)


def fill(server: Dovecot) -> None:
    """Put all messages into the mailbox, and no others."""
    server.clear()
    client = server.client()
    for _ in range(COUNT):
        client.append("INBOX", "", "", MESSAGE)
    client.logout()


def take(server: Dovecot) -> Taken:
    """What a channel takes."""
    fill(server)
    return taken(made(ImapChannel, {**server.settings, "service": "x"}), COUNT)


@contextmanager
def bare_client(server: Dovecot) -> Iterator[imaplib.IMAP4_SSL]:
    """A client of its own, logged in over TLS that it verifies, with the mailbox selected."""
    context = ssl.create_default_context(cafile=str(server.pem))
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context) as client:
        client.login("hansa", server.password)
        client.select("INBOX")
        yield client


def bare_read(client: imaplib.IMAP4_SSL, uid: str) -> str:
    """Read a message, unless it is too large to be taken into memory, and do not mark it."""
    _, [size, *_] = client.uid("FETCH", uid, "(RFC822.SIZE)")
    if b"RFC822.SIZE" not in size:
        raise RuntimeError("no size")
    _, [(_, raw), *_] = client.uid("FETCH", uid, "(BODY.PEEK[])")
    return parsed(raw)


def bare_take(server: Dovecot) -> Taken:
    """The same by a loop that marks each message once it was counted."""
    fill(server)
    counting = Counting(COUNT)
    with bare_client(server) as client:
        _, [found] = client.uid("SEARCH", "UNDELETED UNSEEN")
        for uid in found.decode().split():
            bare_read(client, uid)
            counting.count()
            client.uid("STORE", uid, "+FLAGS.SILENT", "(\\Seen)")
    return counting.taken()


if __name__ == "__main__":
    from .measure import table

    print(table(list(imap(Path()))))
