"""`self.email` as services of the Zato dialect use it, over hansa-smtp, hansa-imap and real servers."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import load
from hansa_imap.outgoing import ImapOutgoing
from hansa_imap.settings import ReadingSettings
from hansa_smtp.outgoing import SmtpOutgoing
from hansa_smtp.settings import SmtpSettings
from hansa_zato.outgoing.email import Email
from zato.common import SMTPMessage

from plugins.imap.tests.servers import Dovecot
from plugins.imap.tests.test_channel import message
from plugins.smtp.tests.servers import MailServer
from plugins.zato.tests.facade import Facade


@pytest.fixture
def peer(real_server: Any) -> Any:
    found = real_server(MailServer)
    found.clear()
    return found


@pytest.fixture
def email(server: Facade, peer: Any) -> Any:
    made = SmtpOutgoing("My SMTP", load(SmtpSettings, peer.settings), server.as_server)
    made.start()
    server.objects["outgoing", "smtp", "My SMTP"] = made
    yield Email(server.as_server)
    made.stop()


def test_a_message_with_attachments(email: Any, peer: Any) -> None:
    message = SMTPMessage()
    message.subject = "Hello"
    message.to = "ada@example.com, grace@example.com"
    message.from_ = "me@example.com"
    message.cc = ["cc@example.com"]
    message.bcc = "bcc@example.com"
    message.body = "Grüße"
    message.headers = {"X-A": 1, "Reply-To": "answers@example.com"}
    message.attach("a.txt", "content")
    message.attach("b.bin", b"\x00\xff")
    assert email.smtp.get("My SMTP").conn.send(message)
    [received] = peer.received()
    assert received.sender == "me@example.com" and len(received.recipients) == 4
    assert received.message["Reply-To"] == "answers@example.com" and received.message["X-A"] == "1"
    assert received.message.get_body(("plain",)).get_content().strip() == "Grüße"
    names = [part.get_filename() for part in received.message.iter_attachments()]
    assert names == ["a.txt", "b.bin"]


def test_html_and_the_default_sender(email: Any, peer: Any) -> None:
    message = SMTPMessage(to="ada@example.com", subject="Hello", body="<b>Hello</b>", is_html=True)
    assert email.smtp["My SMTP"].conn.send(message, from_="Me <me@example.com>")
    [received] = peer.received()
    assert received.sender == "me@example.com"
    assert "<b>Hello</b>" in received.message.get_body(("html",)).get_content()
    peer.clear()
    assert email.smtp.get("My SMTP").conn.send(SMTPMessage(to="ada@example.com"))
    assert peer.received()[0].sender == "orders@example.com"


def test_what_is_not_there(email: Any) -> None:
    assert email.smtp.get("Nope", None) is None and "My SMTP" in email.smtp
    assert email.imap.get("Nope", None) is None


@pytest.fixture
def mailbox(server: Facade, real_server: Any) -> Any:
    peer = real_server(Dovecot)
    peer.clear()
    made = ImapOutgoing("My IMAP", load(ReadingSettings, peer.settings), server.as_server)
    made.start()
    server.objects["outgoing", "imap", "My IMAP"] = made
    yield Email(server.as_server).imap.get("My IMAP").conn
    made.stop()


def test_messages_are_read_marked_and_deleted(mailbox: Any) -> None:
    assert mailbox.ping() and list(mailbox.get()) == []
    for subject in ("Größe", "second", "third"):
        mailbox.append(message(b"\x00\xff", subject, Cc="cc@example.com"))
    [first, second, third] = mailbox.get(folder="INBOX")
    data = first[1].data
    assert data.subject == "Größe" and data.body.plain == ["Grüße\n"] and data.body.html == []
    assert data.sent_from == [{"name": "Ada Lovelace", "email": "ada@example.com"}]
    assert data.sent_to[0].email == "orders@example.com" and data.cc[0].email == "cc@example.com"
    [attached] = data.attachments
    assert attached.filename == "a.bin" and attached.content.read() == b"\x00\xff"
    assert attached["content-type"] == "application/octet-stream" and attached.size == 2
    first[1].mark_seen()
    second[1].delete()
    assert [uid for uid, _ in mailbox.get()] == [third[0]]
    assert [uid for uid, _ in mailbox.get("INBOX", "ALL")] == [first[0], third[0]]
