"""The outgoing connection holds the contract on Dovecot."""

from __future__ import annotations

import pytest
from hansa import Invalid, TooLarge, Unavailable
from hansa_connect.remote import RemoteNotFound
from hansa_devkit import OutgoingContract
from hansa_imap.outgoing import ImapOutgoing

from plugins.connect.tests.on_peer import OnPeer
from plugins.imap.tests.servers import Dovecot
from plugins.imap.tests.test_channel import message


@pytest.mark.evidence("tls")
class TestDovecot(OnPeer, OutgoingContract):
    cls, make_peer = ImapOutgoing, Dovecot
    refusal = "refuses the credentials of hansa"

    def peer_refuses(self):
        return self.other_password()

    def use(self, outgoing):
        assert isinstance(outgoing.search("ALL"), list)

    def test_the_tour(self):
        with self.running() as mail:
            mail.append(message(b"1", "first"))
            mail.append(message(b"2", "second"))
            assert [found.subject for found in mail.find()] == ["first", "second"]
            [uid] = mail.search('SUBJECT "second"')
            found = mail.read(uid)
            assert found.attachments[0].content == b"2" and found.uid == uid
            mail.flag(uid)
            assert [found.subject for found in mail.find("UNSEEN")] == ["first"]
            mail.flag(uid, "Done1")
            assert mail.search("KEYWORD Done1") == [uid]
            with mail.pool.use() as connection:
                connection.make_mailbox("Orders")
                connection.make_mailbox("Orders")
                connection.make_mailbox("Größe & Co")
            assert {"INBOX", "Orders", "Größe & Co"} <= set(mail.mailboxes())
            mail.move(uid, "Orders")
            assert [found.subject for found in mail.find("ALL", "Orders")] == ["second"]
            [first] = mail.search("ALL")
            mail.delete(first)
            assert mail.search("ALL") == []
            mail.append(message(b"3", "third"), "Größe & Co")
            assert [found.subject for found in mail.find("ALL", "Größe & Co")] == ["third"]
            assert mail.search("ALL") == []

    def test_a_password_beyond_ascii(self):
        with self.other_password("Grüße-✓"), self.running() as mail:
            self.use(mail)

    def test_what_is_wrong_is_told(self):
        with self.running(read_limit=1000) as mail:
            with pytest.raises(RemoteNotFound, match="no message 77"):
                mail.read(77)
            with pytest.raises(RemoteNotFound, match="no mailbox 'Nowhere'"):
                mail.search("ALL", "Nowhere")
            with pytest.raises(Invalid, match="refuses the search"):
                mail.search("NONSENSE")
            mail.append(message(b"x" * 2000))
            [uid] = mail.search("ALL")
            with pytest.raises(TooLarge, match="read_limit is 1000"):
                mail.read(uid)
            assert mail.ping()
        assert not self.server.objects.losses

    def test_commands_cannot_be_smuggled_in(self):
        with self.running() as mail:
            mail.append(message())
            for call in (
                lambda: mail.search("ALL\r\nX1 DELETE Orders"),
                lambda: mail.flag(1, "\\Seen)\r\nX1 LOGOUT"),
                lambda: mail.search(""),
                lambda: mail.search("ALL", "INBOX\r\nX1 LOGOUT"),
                lambda: mail.move(1, "a\r\nX1 LOGOUT"),
                lambda: mail.append(b"", "a\r\nX1 LOGOUT"),
            ):
                with pytest.raises(Invalid):
                    call()
            self.use(mail)

    @pytest.mark.parametrize(
        ("changes", "remedy"),
        [
            ({"password": "wrong-one"}, "check the settings username and password"),
            ({"implicit": False}, "check the setting"),
            ({"tls": False, "implicit": False}, "set tls to true"),
        ],
    )
    def test_a_refusal_names_the_setting_to_change(self, changes, remedy):
        changes = {"connect_timeout": 1, **changes}
        with pytest.raises(Unavailable, match=remedy) as caught, self.running(**changes):
            pass
        assert "wrong-one" not in str(caught.value)
