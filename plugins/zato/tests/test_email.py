"""`self.email` as services of the Zato dialect use it, over hansa-smtp and a real mail server."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import load
from hansa_smtp.outgoing import SmtpOutgoing
from hansa_smtp.settings import SmtpSettings
from hansa_zato.outgoing.email import Email
from zato.common import SMTPMessage

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
    assert email.smtp.get("Nope") is None and "My SMTP" in email.smtp
    with pytest.raises(AttributeError, match=r"self\.email\.imap is not available"):
        email.imap  # noqa: B018 # the look-up itself fails
