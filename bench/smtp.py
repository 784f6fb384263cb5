"""SMTP: messages sent over TLS and a login, against bare smtplib, with the same Postfix."""

from __future__ import annotations

import smtplib
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from hansa_devkit.harness.objects import made
from hansa_smtp.outgoing import SmtpOutgoing

from plugins.smtp.tests.postfix import Postfix

from .measure import Figure
from .messages import compared, repeated, started

COUNT = 60
"""Messages in one run, each once the server has accepted the one before."""
TEXT = "cloth, salt, furs, wax, grain and herring\n" * 24


def smtp(folder: Path) -> Iterator[Figure]:
    """Messages sent, against bare smtplib."""
    with Postfix() as server, bare_client(server) as client:
        with started(made(SmtpOutgoing, server.settings)) as outgoing:
            yield from compared(
                f"SMTP: send {COUNT} messages of 1 KB, one after another over one connection",
                "smtplib",
                lambda: repeated(lambda: outgoing.send("ada@example.com", "Order", TEXT), COUNT),
                lambda: repeated(lambda: bare_send(client), COUNT),
            )


@contextmanager
def bare_client(server: Postfix) -> Iterator[smtplib.SMTP]:
    """A client of its own, logged in over TLS that it verifies."""
    with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(server.pem)))
        client.login("hansa", server.password)
        yield client


def bare_send(client: smtplib.SMTP) -> None:
    """Send a message, with an id and a correlation id, as Hansa does."""
    message = EmailMessage()
    message["From"], message["To"] = "Orders <orders@example.com>", "ada@example.com"
    message["Subject"], message["Date"] = "Order", formatdate()
    message["Message-ID"] = make_msgid(domain="example.com")
    message["X-Hansa-CID"] = uuid.uuid4().hex
    message.set_content(TEXT)
    if client.send_message(message):
        raise RuntimeError("a recipient was refused")


if __name__ == "__main__":
    from .measure import table

    print(table(list(smtp(Path()))))
