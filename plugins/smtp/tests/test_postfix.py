"""The outgoing connection with Postfix: the contract, refusals, sizes, kills under load."""

from __future__ import annotations

import secrets
import threading
import time

import pytest
from hansa import HansaError, Invalid
from hansa_devkit import OutgoingContract
from hansa_devkit.background import in_background
from hansa_devkit.harness.waiting import wait_until
from hansa_smtp import Attachment, MailRefused
from hansa_smtp.outgoing import SmtpOutgoing

from plugins.connect.tests.on_peer import OnPeer
from plugins.smtp.tests.postfix import SIZE_LIMIT, Postfix, wait_for


@pytest.mark.evidence("tls", "kills")
class TestPostfix(OnPeer, OutgoingContract):
    cls, make_peer = SmtpOutgoing, Postfix
    refusal = "refuses the credentials of hansa"

    def use(self, outgoing):
        sent = outgoing.send("ada@example.com", "Hello", "How are you?")
        assert sent.message_id and not sent.refused

    def peer_refuses(self):
        self.server  # noqa: B018 # made now, with the password that the server knows now
        return self.other_password()

    def test_a_message_arrives_over_tls_and_with_a_login(self):
        subject = f"Grüße {secrets.token_hex(4)}"
        text = "Zeile 1\n.\n..\nFrom here – ✓\n"
        data = bytes(range(256)) * 100
        with self.running() as mail:
            sent = mail.send(
                ["Ada Lovelace <ada@example.com>"],
                subject,
                text,
                bcc="secret@example.com",
                attachments=[Attachment("Übersicht.bin", data)],
            )
        found = wait_for(self.peer, subject, 2)
        assert {message["Delivered-To"] for message in found} == {
            "ada@example.com",
            "secret@example.com",
        }
        for message in found:
            assert message["Message-ID"] == sent.message_id and "Bcc" not in message
            assert "with ESMTPSA" in message["Received"]
            body = message.get_body(("plain",))
            assert body is not None
            assert body.get_content().replace("\r\n", "\n") == text
            [attached] = message.iter_attachments()
            assert attached.get_filename() == "Übersicht.bin" and attached.get_content() == data

    def test_recipients_that_are_refused_are_returned_and_the_others_get_it(self):
        subject = f"Hello {secrets.token_hex(4)}"
        with self.running() as mail:
            sent = mail.send("ada@example.com, nobody@example.com, later@example.com", subject)
            assert sent.refused.keys() == {"nobody@example.com", "later@example.com"}
            assert sent.refused["nobody@example.com"].startswith("550 5.1.1 ")
            assert sent.refused["later@example.com"].startswith("450 4.3.2 ")
            for to, outcome in (("nobody@example.com", "reject"), ("later@example.com", "retry")):
                with pytest.raises(MailRefused) as caught:
                    mail.send(to, subject)
                assert caught.value.outcome == outcome
            self.use(mail)
        assert len(wait_for(self.peer, subject)) == 1
        assert not self.server.objects.losses

    def test_a_large_message_arrives_and_one_over_the_limit_does_not(self):
        subject = f"Large {secrets.token_hex(4)}"
        data = secrets.token_bytes(5_000_000)
        large = [Attachment("a.bin", data)]
        over = [Attachment("a.bin", data + data)]
        with self.running(size_limit=2 * SIZE_LIMIT) as mail:
            mail.send("ada@example.com", subject, attachments=large)
            with pytest.raises(Invalid, match=f"takes {SIZE_LIMIT}"):
                mail.send("ada@example.com", subject, attachments=over)
            self.use(mail)
        [message] = wait_for(self.peer, subject)
        [attached] = message.iter_attachments()
        assert attached.get_content() == data

    def test_addresses_beyond_ascii_arrive(self):
        subject = f"Hello {secrets.token_hex(4)}"
        with self.running() as mail:
            mail.send("müller@example.com", subject)
        [message] = wait_for(self.peer, subject)
        assert message["Delivered-To"] == "müller@example.com"

    def test_what_was_taken_arrives_after_kills_under_load(self):
        subject = f"Load {secrets.token_hex(4)}"
        taken: set[str] = set()
        ended = threading.Event()
        guard = threading.Lock()
        with self.running() as mail:

            def send() -> None:
                while not ended.is_set():
                    try:
                        with guard:
                            current = self.current(mail)
                        sent = current.send("ada@example.com", subject)
                    except (HansaError, OSError):
                        time.sleep(0.02)
                        continue
                    taken.add(sent.message_id)

            senders = [in_background(send) for _ in range(3)]
            try:
                for _ in range(2):
                    more(taken)
                    self.peer.kill()
                    self.peer.start()
                more(taken)
            finally:
                ended.set()
                for sender in senders:
                    sender.result(60)
        wait_until(lambda: taken <= self.arrived(subject), 60, self.peer.output)

    def arrived(self, subject):
        return {message["Message-ID"] for message in self.peer.received(subject)}


def more(taken: set[str]) -> None:
    goal = len(taken) + 20
    wait_until(lambda: len(taken) >= goal, 60)
