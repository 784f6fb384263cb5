"""The channel holds the contract on Dovecot: no message is lost, none is handled twice without need."""

from __future__ import annotations

import itertools
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hansa import HansaError, Invalid, load
from hansa_devkit import ChannelContract, Inbox, LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_imap.channel import ImapChannel
from hansa_imap.settings import ReceivingSettings

from plugins.connect.tests.on_peer import OnPeer
from plugins.imap.tests.servers import Dovecot

_numbers = itertools.count()


def message(content=b"content", subject="order", **headers):
    """The bytes of a message with one file attached."""
    made = EmailMessage(SMTP)
    made["From"] = "Ada Lovelace <ada@example.com>"
    made["To"] = "orders@example.com"
    made["Subject"] = subject
    made["Message-ID"] = f"<{next(_numbers)}@example.com>"
    for name, value in headers.items():
        made[name] = value
    made.set_content("Grüße\n")
    made.add_attachment(content, maintype="application", subtype="octet-stream", filename="a.bin")
    return made.as_bytes()


@pytest.mark.evidence("tls")
@pytest.mark.proves("channel imap", "guarantee")
@pytest.mark.proves(
    "channel imap", "durability", "messages stay in their mailbox until the service has ended"
)
@pytest.mark.proves("channel imap", "loss window", "none")
@pytest.mark.proves("channel imap", "duplicates", "what is in hand when its worker dies")
class TestDovecot(OnPeer, ChannelContract):
    cls, make_peer = ImapChannel, Dovecot
    patience = 20.0

    def settings(self):
        quick = {"interval": 0.5, "first_delay": 0.05, "timeout": 5}
        return {**super().settings(), **quick}

    def send(self, raw):
        self.peer.append(message(raw))

    def same(self, request, raw):
        return request.payload["attachments"][0]["content"] == raw

    # -- what arrives ------------------------------------------------------------------------------

    def test_a_message_arrives_parsed_and_is_marked(self):
        inbox = Inbox()
        with self.receiving(inbox):
            self.peer.append(message(b"a;b", "Bestellung für Ö", Cc="cc@example.com"))
            [request] = inbox.wait(1, self.patience)
            wait_until(lambda: not self.peer.messages("INBOX", "UNSEEN"))
        mail = request.payload
        assert mail["sender"] == "ada@example.com" and mail["sender_name"] == "Ada Lovelace"
        assert mail["subject"] == "Bestellung für Ö" and mail["text"] == "Grüße\n"
        assert mail["to"] == ["orders@example.com"] and mail["cc"] == ["cc@example.com"]
        [attached] = mail["attachments"]
        assert attached["name"] == "a.bin" and attached["content"] == b"a;b"
        assert len(self.peer.messages("INBOX")) == 1
        assert request.headers == {"mail-uid": str(mail["uid"]), "mail-mailbox": "INBOX"}

    def test_only_what_meets_the_criteria_is_taken(self):
        inbox = Inbox()
        with self.receiving(inbox, criteria='SUBJECT "order" FROM "ada"', deliver="raw"):
            self.peer.append(message(b"1", "something else"))
            self.peer.append(message(b"2", "an order"))
            [request] = inbox.wait(1, self.patience)
            assert not inbox.has(2, self.settle)
        assert b"Subject: an order" in request.raw and request.payload is None
        assert len(self.peer.messages("INBOX", "UNSEEN")) == 1

    def test_a_keyword_of_its_own_leaves_messages_unseen(self):
        inbox = Inbox()
        with self.receiving(inbox, flag="HansaDone"):
            self.send(b"1")
            inbox.wait(1, self.patience)
            wait_until(lambda: self.peer.messages("INBOX", "KEYWORD HansaDone"))
            assert not inbox.has(2, self.settle)
        assert len(self.peer.messages("INBOX", "UNSEEN")) == 1

    @pytest.mark.parametrize(
        ("changes", "left"),
        [({"after": "delete"}, 0), ({"after": "move", "done": "Done"}, 1)],
    )
    def test_what_was_handled_may_go(self, changes, left):
        inbox = Inbox()
        with self.receiving(inbox, **changes):
            self.send(b"1")
            self.send(b"2")
            inbox.wait(2, self.patience)
            wait_until(lambda: not self.peer.messages("INBOX"))
        assert len(self.peer.messages("Done")) == 2 * left

    def test_new_messages_are_told_at_once(self):
        inbox = Inbox()
        with self.receiving(inbox, interval=60):
            self.send(b"1")
            inbox.wait(1, 10)
            self.send(b"2")
            inbox.wait(2, 10)

    def test_without_idle_it_polls(self):
        inbox = Inbox()
        with self.receiving(inbox, idle=False, interval=0.1):
            self.send(b"1")
            inbox.wait(1, self.patience)

    # -- what fails --------------------------------------------------------------------------------

    @pytest.mark.parametrize(("outcome", "attempts"), [("retry", 3), ("reject", 1)])
    def test_what_cannot_be_handled_is_moved_aside_with_the_cause(self, outcome, attempts):
        inbox = Inbox(outcome)
        with self.receiving(inbox, max_attempts=3):
            self.send(b"poison")
            wait_until(lambda: self.peer.messages("Failed"), 20)
            assert not inbox.has(attempts + 1, self.settle)
        assert [request.attempt for request in inbox.requests] == list(range(1, attempts + 1))
        [failed] = self.peer.messages("Failed")
        assert failed.startswith(b"X-Hansa-Cause: ") and b"Subject: order" in failed
        assert f"X-Hansa-CID: {inbox.requests[-1].cid}".encode() in failed
        assert not self.peer.messages("INBOX")

    def test_one_that_is_too_large_is_moved_aside_unread(self):
        raw = message(b"x" * 2000)
        for limit, failed in ((len(raw), 0), (len(raw) - 1, 1)):
            self.peer.clear()
            inbox = Inbox()
            with self.receiving(inbox, max_body=limit):
                self.peer.append(raw)
                if failed:
                    wait_until(lambda: self.peer.messages("Failed"))
                else:
                    inbox.wait(1, self.patience)
            assert len(inbox.requests) == 1 - failed
            assert len(self.peer.messages("Failed")) == failed

    def test_hostile_messages_hold_nothing_up(self):
        inbox = Inbox()
        hostile = [
            b"\r\n",
            b"\xff\xfe\x00",
            b"From: =?utf-8?q?\r\nTo: ,,,<<>>\r\nDate: nonsense\r\n\r\nx",
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" * 50,
            b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xe4",
            b"Subject: =?utf-8?b?////?=\r\n\r\n",
        ]
        with self.receiving(inbox):
            for raw in hostile:
                self.peer.append(raw)
            self.send(b"good")
            assert inbox.until(lambda: len(inbox.requests) == len(hostile) + 1, self.patience)

    def test_a_server_that_dies_again_and_again_loses_nothing(self):
        inbox, count = Inbox(), 30
        with self.receiving(inbox) as channel:
            for number in range(count):
                self.send(b"%d" % number)
                if number % 10 == 5:
                    inbox.has(number - 3, self.patience)
                    self.peer.kill()
                    wait_until(self.lost, 10, "core is told")
                    self.peer.start()
                    wait_until(lambda: self._serves(channel), 15)
            assert inbox.until(lambda: len(self._bodies(inbox)) == count, 60)
            wait_until(lambda: not self.peer.messages("INBOX", "UNSEEN"), 30)
        assert len(inbox.requests) - count <= 3 * 5, "more came twice than were in hand"

    def lost(self):
        """What was told to core."""
        return self.server.objects.losses

    def _serves(self, channel):
        try:
            current = self.current(channel)
        except HansaError:
            return False
        return current not in self.lost()

    def _bodies(self, inbox):
        return {request.payload["attachments"][0]["content"] for request in inbox.requests}

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"password": "wrong-one"}, "refuses the credentials of hansa.*username and password"),
            ({"tls_ca": ""}, "set tls_ca to"),
            ({"host": "localhost"}, "set host to a name that is in it"),
            ({"port": 1}, "check the settings host and port"),
            ({"mailbox": "Nowhere"}, "there is no mailbox 'Nowhere'"),
            ({"criteria": "NONSENSE"}, "refuses the search"),
        ],
    )
    def test_a_refusal_names_the_setting_to_change(self, changes, told):
        channel = self.make(**changes)
        with pytest.raises(HansaError, match=told) as caught:
            channel.start()
        self._stop(channel, "after a refusal")
        assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize("mode", ["starttls", "plain"])
def test_other_encryptions(mode):
    inbox = Inbox()
    with Dovecot(mode) as peer:
        channel = ImapChannel("N", load(ReceivingSettings, peer.settings), LocalServer())
        channel.dispatch = inbox
        channel.start()
        try:
            peer.append(message(b"1"))
            inbox.wait(1, 10)
        finally:
            channel.stop()


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"after": "move"}, {"done"}),
        ({"done": "Done"}, {"done"}),
        ({"after": "move", "done": "INBOX"}, {"done"}),
        ({"failed": "INBOX"}, {"failed"}),
        ({"flag": "two words"}, {"flag"}),
        ({"criteria": "ALL\r\nA1 LOGOUT"}, {"criteria"}),
        ({"mailbox": "a\r\nb"}, {"mailbox"}),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(ReceivingSettings, {"host": "mail.example.com", **settings})
    assert set(caught.value.errors) == faults
