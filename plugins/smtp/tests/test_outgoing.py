"""The outgoing connection sends mail to a real server, and says what went wrong."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hansa import Invalid, Login, Secret, Unavailable, current_cid
from hansa_devkit import OutgoingContract
from hansa_smtp import Attachment, MailRefused
from hansa_smtp.outgoing import SmtpOutgoing

from plugins.connect.tests.on_peer import OnPeer
from plugins.smtp.tests.servers import MailServer

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def text_of(part):
    """The text of a part; on its way, lines end as RFC 5322 has it."""
    return part.get_content().replace("\r\n", "\n")


class OnMailServer(OnPeer, OutgoingContract):
    """Tests against one server, started for each class."""

    cls = SmtpOutgoing
    make_peer: ClassVar[Any] = MailServer
    refusal = "refuses the credentials of hansa"

    def use(self, outgoing):
        sent = outgoing.send("ada@example.com", "Hello", "How are you?")
        assert sent.message_id and not sent.refused

    def only(self):
        [received] = self.peer.received()
        return received


@pytest.mark.evidence("tls")
class TestStartTls(OnMailServer):
    def peer_refuses(self):
        return self.other_password()

    def test_a_message_arrives_as_it_was_given(self):
        with self.running() as mail:
            sent = mail.send(
                ["Ada Lovelace <ada@example.com>", "grace@example.com"],
                "Grüße aus Lübeck",
                "Zeile 1\nZeile 2 – ✓\n",
                html="<p>Grüße <img src='cid:logo'></p>",
                sender="Jürgen <juergen@example.com>",
                cc="cc@example.com",
                bcc="secret@example.com",
                reply_to="answers@example.com",
                attachments=[
                    Attachment("Übersicht.csv", "a;b\n"),
                    Attachment("logo.png", PICTURE, content_id="logo"),
                    ("data.bin", b"\0\1\2"),
                ],
                headers={"X-Order": "17"},
            )
        received = self.only()
        message = received.message
        assert received.sender == "juergen@example.com" and received.encrypted
        assert received.recipients == [
            "ada@example.com",
            "grace@example.com",
            "cc@example.com",
            "secret@example.com",
        ]
        assert b"secret@example.com" not in received.raw
        assert message["Subject"] == "Grüße aus Lübeck" and message["X-Order"] == "17"
        assert message["From"] == "Jürgen <juergen@example.com>"
        assert message["To"] == "Ada Lovelace <ada@example.com>, grace@example.com"
        assert message["Reply-To"] == "answers@example.com" and message["Date"]
        assert message["Message-ID"] == sent.message_id
        assert text_of(message.get_body(("plain",))) == "Zeile 1\nZeile 2 – ✓\n"
        assert "Grüße" in message.get_body(("html",)).get_content()
        attached = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
        assert (
            attached["Übersicht.csv"] in (b"a;b\n", "a;b\n") and attached["data.bin"] == b"\0\1\2"
        )
        inline = [part for part in message.walk() if part["Content-ID"] == "<logo>"]
        assert [part.get_content() for part in inline] == [PICTURE]

    def test_recipients_that_are_refused_are_returned_and_the_others_get_it(self):
        with self.running() as mail:
            sent = mail.send("ada@example.com, nobody@example.com, later@example.com", "Hello")
        assert sent.refused == {
            "nobody@example.com": "550 5.1.1 no such user here",
            "later@example.com": "451 4.3.2 try again later",
        }
        assert self.only().recipients == ["ada@example.com"]

    @pytest.mark.parametrize(
        ("to", "outcome"), [("nobody@a.example", "reject"), ("later@a.example", "retry")]
    )
    def test_a_message_for_nobody_is_refused_and_the_connection_lives(self, to, outcome):
        with self.running() as mail:
            with pytest.raises(MailRefused) as caught:
                mail.send(to, "Hello")
            assert caught.value.outcome == outcome and list(caught.value.replies) == [to]
            with pytest.raises(MailRefused, match=r"554 5\.7\.1 looks like spam"):
                mail.send("ada@example.com", "refuse me")
            self.use(mail)
        assert not self.server.objects.losses

    def test_one_connection_sends_many(self):
        with self.running() as mail:
            for _ in range(5):
                self.use(mail)
        assert len({received.peer for received in self.peer.received()}) == 1

    def test_all_that_is_wrong_is_told_at_once_by_argument(self):
        with self.running(sender="") as mail:
            with pytest.raises(Invalid) as caught:
                mail.send(
                    "no-address",
                    "two\r\nBcc: victim@example.com",
                    cc=["a@b.example\r\nBcc: x@y.example"],
                    headers={"Bcc": "x@y.example", "X-A": "1\nX-B: 2"},
                )
            assert set(caught.value.errors) == {
                "sender",
                "to",
                "subject",
                "cc",
                "headers.Bcc",
                "headers.X-A",
            }
            with pytest.raises(Invalid, match="at least one recipient"):
                mail.send("", "Hello", sender="a@b.example")
        assert not self.peer.received()

    def test_addresses_beyond_ascii_are_sent_where_the_server_takes_them(self):
        with self.running() as mail:
            mail.send("müller@exämple.com", "Hello")
            mail.send("ada@bücher.example", "Hello")
        found = {received.recipients[0] for received in self.peer.received()}
        assert found == {"müller@exämple.com", "ada@xn--bcher-kva.example"}
        self.peer.stop()
        self.peer.utf8 = False
        self.peer.start()
        try:
            with self.running() as mail, pytest.raises(Invalid, match="no SMTPUTF8"):
                mail.send("müller@exämple.com", "Hello")
        finally:
            self.peer.stop()
            self.peer.utf8 = True

    def test_sizes_are_limited_by_the_setting_and_by_the_server(self):
        large = [Attachment("a.bin", b"x" * 900_000)]
        with self.running(size_limit=1_000_000) as mail:
            with pytest.raises(Invalid, match="size_limit is 1000000"):
                mail.send("ada@example.com", "Hello", attachments=large)
        with self.running() as mail:
            with pytest.raises(Invalid, match="takes 1048576"):
                mail.send("ada@example.com", "Hello", attachments=large)
            self.use(mail)

    def test_lines_that_begin_with_a_dot_and_bare_line_ends_arrive(self):
        text = ".\n..\n.a\nfrom here\n\nFrom there\n"
        with self.running() as mail:
            mail.send("ada@example.com", "Hello", text)
        assert text_of(self.only().message) == text

    def test_the_cid_is_in_a_header(self):
        token = current_cid.set("K123")
        try:
            with self.running() as mail:
                self.use(mail)
        finally:
            current_cid.reset(token)
        assert self.only().message["X-Hansa-CID"] == "K123"

    def test_a_security_definition_supplies_a_password_or_a_token(self):
        password = Secret(self.peer.password)
        token = Secret(self.peer.token)
        for login, user in (
            (Login(username="hansa", password=password), "hansa"),
            (Login(username="hansa", token=token), "token"),
        ):
            self.peer.clear()
            mail = self.make(username="", password=None, security="partner")
            mail.server.objects._security["partner"] = SimpleNamespace(
                login=lambda login=login: login
            )
            with self.running(mail):
                self.use(mail)
            assert self.only().user == user

    def test_a_password_beyond_ascii(self):
        with self.other_password("Grüße-✓"):
            with self.running() as mail:
                self.use(mail)
            with (
                pytest.raises(Unavailable, match="refuses the credentials of hansa"),
                self.running(password="Grüße-✗"),
            ):
                pass

    @pytest.mark.parametrize(
        ("changes", "remedy"),
        [
            ({"password": "wrong-one"}, "check the settings username and password"),
            ({"tls_ca": ""}, "set tls_ca to"),
            ({"host": "localhost"}, "set host to a name that is in it"),
            ({"port": 1}, "check the settings host and port"),
            ({"implicit": True}, "it does not speak TLS here"),
        ],
    )
    def test_a_refusal_names_the_setting_to_change(self, changes, remedy):
        with pytest.raises(Unavailable, match=remedy) as caught, self.running(**changes):
            pass
        assert "wrong-one" not in str(caught.value)


class TestImplicitTls(OnMailServer):
    make_peer = partial(MailServer, "implicit")

    def peer_refuses(self):
        pytest.skip("as with STARTTLS")

    def test_a_client_that_waits_for_a_greeting_is_told(self):
        with pytest.raises(Unavailable, match="set implicit to true"):
            with self.running(implicit=False, connect_timeout=0.5):
                pass


class TestPlain(OnMailServer):
    make_peer = partial(MailServer, "plain")
    refusal = ""

    def test_a_server_without_starttls_gets_nothing(self):
        with pytest.raises(Unavailable, match="does not offer STARTTLS; set tls to false"):
            with self.running(tls=True):
                pass

    def test_a_message_arrives(self):
        with self.running() as mail:
            self.use(mail)
        assert self.only().encrypted is False


KEPT = ("start", "ping", "edit", "message", "given", "greeting", "starttls")
for name in dir(OutgoingContract):
    if name.startswith("test_") and not any(word in name for word in KEPT):
        setattr(TestImplicitTls, name, None)
        setattr(TestPlain, name, None)
