"""The outgoing connection holds the contract with receivers of other make."""

from __future__ import annotations

import threading

import pytest
from hansa import Invalid, TimedOut, Unavailable, load
from hansa_devkit import LocalServer, OutgoingContract
from hansa_devkit.harness.waiting import wait_until
from hansa_hl7 import Refusal
from hansa_hl7.outgoing import MllpOutgoing
from hansa_hl7.settings import SendingSettings

from plugins.connect.tests.on_peer import OnPeer
from plugins.hl7.tests.servers import (
    Hl7apyReceiver,
    Hl7Receiver,
    SecureHl7Receiver,
    asking,
    message,
)

EARLIER = ({"host": "hl7.example.com", "port": 2575, "max_size": 1000},)


class TestHl7(OnPeer, OutgoingContract):
    earlier = EARLIER
    cls, make_peer = MllpOutgoing, Hl7Receiver

    def use(self, outgoing):
        raw = message(b"content")
        found = outgoing.send(raw)
        assert found.ok and found.control_id.encode() in raw

    def test_text_and_objects_are_written_in_their_charset(self):
        import hl7

        with self.running() as outgoing:
            text = message(f18="UNICODE UTF-8").decode().replace("Ada", "Größe").replace("\r", "\n")
            assert outgoing.send(text).ok
            assert outgoing.send(hl7.parse(text.replace("\n", "\r"))).ok

    @pytest.mark.parametrize(
        ("code", "outcome"), [("AE", "reject"), ("AR", "retry"), ("CE", "reject")]
    )
    def test_a_refusal_says_whether_to_try_again(self, code, outcome):
        with self.running() as outgoing:
            with pytest.raises(Refusal) as caught:
                outgoing.send(asking(f"refuse:{code}"))
            refusal = caught.value
            assert refusal.acknowledgement.code == code and refusal.outcome == outcome
            assert "Ada Lovelace" in refusal.explanation and "Ada" not in refusal.detail
            assert refusal.internal
            self.use(outgoing)
        assert not self.server.losses

    @pytest.mark.parametrize("what", ["close", "other", "nonsense"])
    def test_an_answer_that_is_none_breaks_the_connection_alone(self, what):
        with self.running() as outgoing:
            with pytest.raises(Unavailable):
                outgoing.send(asking(what))
            self.use(outgoing)

    def test_an_answer_too_many_is_not_taken_for_the_next_one(self):
        with self.running() as outgoing:
            outgoing.send(asking("twice"))
            [slot] = outgoing.pool._idle
            wait_until(lambda: not slot.connection.alive())
            for _ in range(3):
                self.use(outgoing)

    def test_silence_ends_at_the_time_limit_of_the_call(self):
        with self.running() as outgoing:
            with pytest.raises(TimedOut):
                outgoing.send(asking("silent"), timeout=0.3)
            self.use(outgoing)

    @pytest.mark.parametrize(
        ("raw", "fault"),
        [
            (b"hello", "does not begin with MSH"),
            (message().replace(b"|^~", b"|\x1c~"), "different signs"),
            (message(b"x").replace(b"PID", b"P\x0bD"), "control characters"),
            (message(f15="NE", f16="NE"), "MSH-15"),
            (message().replace(b"|P|", b"||").replace(b"|M", b"|", 1), ""),
            ("MSH|^~\\&|a||||||ADT||P|2.5", "MSH-10"),
            (message(b"x" * 2000), "max_body is 1000"),
            ("MSH|^~\\&|ü||||||ADT|1|P|2.5||||||8859/5", "MSH-18"),
            ("MSH|^~\\&|a||||||ADT|1|P|2.5||||||EBCDIC", "is not known"),
        ],
    )
    def test_what_cannot_be_sent_is_refused_at_once(self, raw, fault):
        with self.running(max_body=1000) as outgoing:
            if not fault:
                assert outgoing.send(raw).ok
                return
            with pytest.raises(Invalid, match=fault):
                outgoing.send(raw)

    def test_the_largest_message_arrives(self):
        raw = message(b"x" * 1_000_000)
        with self.running(max_body=len(raw)) as outgoing:
            assert outgoing.send(raw).ok
            with pytest.raises(Invalid, match="max_body"):
                outgoing.send(raw + b"\r")

    def test_one_connection_keeps_the_order(self):
        with self.running() as outgoing:
            threads = [threading.Thread(target=self._use_often, args=(outgoing,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            assert len(outgoing.pool._idle) == 1


class TestHl7apy(OnPeer, OutgoingContract):
    earlier = EARLIER
    """A receiver that ends each connection after its answer."""

    cls, make_peer = MllpOutgoing, Hl7apyReceiver

    def settings(self):
        return {**super().settings(), "keep_open": False}

    def use(self, outgoing):
        assert outgoing.send(message(b"content")).ok


@pytest.mark.evidence("tls")
def test_over_tls(real_server):
    peer = real_server(SecureHl7Receiver)
    with_tls = MllpOutgoing("lab", load(SendingSettings, peer.settings), LocalServer())
    with_tls.start()
    assert with_tls.send(message()).ok and with_tls.ping()
    with_tls.stop()
    for changes in ({"tls_ca": ""}, {"tls": False, "tls_ca": ""}):
        given = {**peer.settings, "connect_timeout": 2, "timeout": 2, **changes}
        made = MllpOutgoing("lab", load(SendingSettings, given), LocalServer())
        with pytest.raises((Unavailable, TimedOut)) as caught:
            start_and_send(made)
        assert "tls" in changes or "tls_ca" in str(caught.value)
        made.stop()


def start_and_send(outgoing):
    outgoing.start()
    outgoing.send(message())
