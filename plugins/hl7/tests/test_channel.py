"""The channel holds the contract with senders of other make, and with those that obey nothing."""

from __future__ import annotations

import ssl
import threading
import time

import pytest
from hansa import Unavailable
from hansa_devkit import ChannelContract, Inbox, LocalServer
from hansa_devkit.harness.ports import free_port
from hansa_hl7.acknowledgement import read_acknowledgement
from hansa_hl7.channel import MllpChannel
from hansa_hl7.header import read_header
from hansa_hl7.sequence import Sequences
from hl7.client import MLLPClient

from plugins.hl7.tests.servers import Sender, content_of, message
from plugins.sql.tests.support import certificate, pem


def code_of(answer):
    return read_acknowledgement(answer).code


@pytest.mark.proves("channel mllp", "guarantee")
@pytest.mark.proves(
    "channel mllp", "durability", "the sender keeps a message until it is acknowledged"
)
@pytest.mark.proves(
    "channel mllp", "loss window", "none, if the sender repeats what is not accepted"
)
@pytest.mark.proves(
    "channel mllp",
    "duplicates",
    "what is in hand when its worker dies; with `sequence`, not what was answered in vain",
)
class TestChannel(ChannelContract):
    earlier = ({"port": 2575, "service": "x", "max_size": 1000},)
    cls = MllpChannel
    headers = {"hl7-message-type": "ADT^A01", "hl7-version": "2.5"}
    counts_attempts = False  # the sender repeats a message without saying so

    @pytest.fixture(autouse=True)
    def _port(self):
        self.port = free_port()
        self.good = {"port": self.port, "timeout": 5}

    def same(self, request, raw):
        return content_of(request.raw) == raw

    def send(self, raw):
        """Send until the message is accepted or refused for good, by the client of hl7."""
        ends = time.monotonic() + self.patience
        made = message(raw)
        while time.monotonic() < ends:
            try:
                with MLLPClient("127.0.0.1", self.port) as client:
                    client.socket.settimeout(5)
                    answer = client.send_message(made)
            except OSError:
                answer = b""
            if answer:
                found = read_acknowledgement(answer.strip(b"\x0b\x1c\r"))
                assert found.control_id.encode() in made
                if found.code in ("AA", "AE"):
                    return
            time.sleep(0.02)
        raise AssertionError("the message was not accepted")

    # -- acknowledgements --------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("outcome", "code"), [("done", "AA"), ("reject", "AE"), ("retry", "AR")]
    )
    def test_each_outcome_has_its_code(self, outcome, code):
        with self.receiving(Inbox(outcome)), Sender(self.port) as sender:
            answer = sender.send(message(control_id="ID-7~8", f3="LAB", f18="UNICODE UTF-8"))
        found = read_acknowledgement(answer)
        assert found.code == code and found.control_id == "ID-7~8"
        first = answer.split(b"\r")[0].split(b"|")
        assert first[2:6] == [b"HANSA", b"HOUSE", b"LAB", b"WARD"]
        assert first[8] == b"ACK^A01^ACK" and first[11] == b"2.5" and first[17] == b"UNICODE UTF-8"
        assert ("cid" in found.text) == (code != "AA")

    @pytest.mark.parametrize(
        ("accept", "application", "outcome", "code"),
        [
            ("AL", "NE", "done", "CA"),
            ("AL", "NE", "retry", "CR"),
            ("AL", "AL", "done", "AA"),
            ("NE", "ER", "reject", "AE"),
            ("SU", "", "done", "CA"),
        ],
    )
    def test_the_enhanced_mode(self, accept, application, outcome, code):
        with self.receiving(Inbox(outcome)), Sender(self.port) as sender:
            assert code_of(sender.send(message(f15=accept, f16=application))) == code

    def test_who_wants_no_answer_gets_none(self):
        inbox = Inbox()
        with self.receiving(inbox), Sender(self.port) as sender:
            sender.socket.sendall(b"\x0b" + message(f15="NE", f16="NE") + b"\x1c\r")
            assert (
                read_acknowledgement(sender.send(message(control_id="next"))).control_id == "next"
            )
        assert len(inbox.requests) == 2

    def test_the_answer_of_the_service_goes_back(self):
        class Answering(Inbox):
            raw = b""

            def __call__(self, request):
                response = super().__call__(request)
                response.raw = self.raw
                return response

        inbox = Answering()
        with self.receiving(inbox), Sender(self.port) as sender:
            inbox.raw = b"MSH|^~\\&|a\rMSA|AA|1\rQAK|1\r"
            assert sender.send(message()) == inbox.raw
            inbox.raw = b'{"json": 1}'
            assert code_of(sender.send(message())) == "AA"
            inbox.raw = b"MSH|^~\\&|a\x1c\r"
            assert code_of(sender.send(message())) == "AA"

    # -- what is no message ------------------------------------------------------------------------

    def test_a_frame_without_a_message_is_refused(self):
        inbox = Inbox("reject")
        with self.receiving(inbox), Sender(self.port) as sender:
            assert code_of(sender.send(b"hello")) == "AR"
            assert inbox.requests[0].fault is not None
            inbox.outcome = "done"
            assert code_of(sender.send(message())) == "AA"

    @pytest.mark.parametrize(
        "raw", [b"GET / HTTP/1.1\r\n\r\n", b"\x0bMSH|^~\\&|a\x0bMSH|^~\\&|b\x1c\r", b"\x16\x03\x01"]
    )
    def test_what_is_no_mllp_ends_its_connection_alone(self, raw):
        with self.receiving(Inbox()), Sender(self.port) as good, Sender(self.port) as bad:
            bad.socket.sendall(raw)
            assert bad.receive() == b""
            assert code_of(good.send(message())) == "AA"

    @pytest.mark.parametrize("id", ["A\x1cB", "\x1c"])
    def test_a_header_that_could_not_be_acknowledged_is_refused_before_it_is_handled(self, id):
        inbox = Inbox("reject")
        with self.receiving(inbox), Sender(self.port) as sender:
            assert code_of(sender.send(message(control_id=id))) == "AR"
            assert inbox.requests[0].fault is not None
            inbox.outcome = "done"
            assert code_of(sender.send(message())) == "AA"

    def test_a_system_without_threads_ends_no_channel(self, monkeypatch):
        start = threading.Thread.start

        def refuse(thread):
            if "127.0.0.1" in thread.name:
                raise RuntimeError("can't start new thread")
            start(thread)

        with self.receiving(Inbox()) as channel:
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", refuse)
                with Sender(self.port) as sender:
                    assert sender.receive() == b""
            with Sender(self.port) as sender:
                assert code_of(sender.send(message())) == "AA"
            assert channel.ping().startswith(f"listens at 127.0.0.1:{self.port}: ")

    def test_the_largest_message_and_one_byte_more(self):
        inbox = Inbox()
        raw = message(b"x" * 300_000)
        with self.receiving(inbox, max_body=len(raw)), Sender(self.port) as sender:
            assert code_of(sender.send(raw)) == "AA"
            assert code_of(sender.send(message())) == "AA"
            found = read_acknowledgement(sender.send(raw + b"\r"))
            assert found.code == "AE" and "max_body" in found.text and found.control_id
            assert sender.receive() == b""
        assert len(inbox.requests) == 2

    def test_a_slow_message_is_given_up_and_a_piecewise_one_is_not(self):
        with self.receiving(Inbox(), timeout=0.5), Sender(self.port) as slow:
            with Sender(self.port) as sender:
                raw = b"\r\n\x0b" + message(b"abc") + b"\x1c\r"
                for at in range(0, len(raw), 7):
                    sender.socket.sendall(raw[at : at + 7])
                assert code_of(sender.receive()) == "AA"
            slow.socket.sendall(b"\x0bMSH|")
            began = time.monotonic()
            assert slow.receive() == b"" and time.monotonic() - began < 3

    def test_idle_and_surplus_connections_are_closed(self):
        with self.receiving(Inbox(), max_connections=2, idle_timeout=1), Sender(self.port) as one:
            with Sender(self.port) as other, Sender(self.port) as third:
                assert code_of(one.send(message())) == code_of(other.send(message())) == "AA"
                assert third.receive() == b""
            assert one.receive() == b""
            with Sender(self.port) as another:
                assert code_of(another.send(message())) == "AA"

    def test_several_messages_at_once_are_answered_in_order(self):
        with self.receiving(Inbox()), Sender(self.port) as sender:
            frames = [b"\x0b" + message(control_id=f"C{at}") + b"\x1c\r" for at in range(20)]
            sender.socket.sendall(b"".join(frames))
            answers = b""
            while answers.count(b"\x1c") < 20:
                answers += sender.socket.recv(65536)
            found = [
                read_acknowledgement(one.strip(b"\x0b\r")) for one in answers.split(b"\x1c")[:-1]
            ]
        assert [one.control_id for one in found] == [f"C{at}" for at in range(20)]

    def test_what_is_in_hand_is_answered_when_the_channel_stops(self):
        begun, go_on = threading.Event(), threading.Event()

        class Slow(Inbox):
            def __call__(self, request):
                begun.set()
                go_on.wait(10)
                return super().__call__(request)

        with self.receiving(Slow()) as channel, Sender(self.port) as sender:
            sender.socket.sendall(b"\x0b" + message() + b"\x1c\r")
            assert begun.wait(10)
            stopping = threading.Thread(target=channel.stop)
            stopping.start()
            go_on.set()
            assert code_of(sender.receive()) == "AA"
            stopping.join(10)
            assert not stopping.is_alive()

    def test_a_port_that_is_taken_is_told(self):
        with self.receiving(Inbox()), pytest.raises(Unavailable, match="settings host and port"):
            self.make().start()

    # -- sequence numbers --------------------------------------------------------------------------

    def test_sequence_numbers(self):
        inbox = Inbox()
        with self.receiving(inbox, sequence=True), Sender(self.port) as sender:

            def expected(number):
                answer = sender.send(message(f13=number))
                line = next(one for one in answer.split(b"\r") if one.startswith(b"MSA"))
                fields = line.decode().split("|")
                return fields[1], fields[4] if len(fields) > 4 else ""

            assert expected("") == ("AR", "")
            assert expected("0") == ("AA", "-1")
            assert expected("5") == ("AA", "6")
            assert expected("6") == ("AA", "7")
            assert expected("6") == ("AA", "7")
            assert expected("8") == ("AR", "7")
            inbox.outcome = "retry"
            assert expected("7") == ("AR", "7")
            inbox.outcome = "reject"
            assert expected("7") == ("AE", "8")
            assert expected("0") == ("AA", "8")
        assert len(inbox.requests) == 4
        inbox.outcome = "done"
        with self.receiving(inbox, sequence=True), Sender(self.port) as sender:
            assert expected_of(sender, "7") == "8" and len(inbox.requests) == 4
            assert expected_of(sender, "8") == "9"
            assert expected_of(sender, "-1") == "-1"
            assert expected_of(sender, "1") == "2"

    @pytest.mark.parametrize("number", ["--5", "5-", "-2", "\u00b2", "9" * 4000, "1_0"])
    def test_what_is_no_sequence_number_is_refused(self, number):
        inbox = Inbox()
        with self.receiving(inbox, sequence=True), Sender(self.port) as sender:
            found = read_acknowledgement(sender.send(message(f13=number)))
            assert found.code == "AR" and "MSH-13" in found.text
            assert code_of(sender.send(message(f13="1"))) == "AA"
        assert len(inbox.requests) == 1

    def test_many_senders_cost_no_memory(self):
        sequences = Sequences(LocalServer(), "channel mllp m")
        for number in range(3000):
            header = read_header(message(f3=f"S{number}", f13="1"))
            with sequences.lock(header):
                assert sequences.judge(header).step == "handle"
                sequences.settle(header)
        assert len(sequences._locks) <= 64 and len(sequences._known) <= 1000
        header = read_header(message(f3="S0", f13="1"))
        assert sequences.judge(header).step == "repeated"

    # -- TLS ---------------------------------------------------------------------------------------

    @pytest.mark.evidence("tls")
    def test_tls_and_client_certificates(self, tmp_path):
        issuer = certificate("issuer")
        for name in ("server", "client"):
            key, signed = certificate(name, issuer, "127.0.0.1")
            (tmp_path / f"{name}.pem").write_text(pem(signed))
            (tmp_path / f"{name}.key").write_text(pem(key))
        (tmp_path / "ca.pem").write_text(pem(issuer[1]))
        given = {
            "tls": True,
            "tls_certificate": f"{tmp_path}/server.pem",
            "tls_key": f"{tmp_path}/server.key",
        }
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        inbox = Inbox()
        with self.receiving(inbox, **given):
            with Sender(self.port, context) as sender, Sender(self.port) as plain:
                assert code_of(sender.send(message())) == "AA"
                plain.socket.sendall(b"\x0b" + message() + b"\x1c\r")
                with pytest.raises((OSError, AssertionError)):
                    assert plain.receive()
        demanding = {**given, "tls_ca": f"{tmp_path}/ca.pem"}
        self.port = free_port()
        self.good = {"port": self.port}
        with self.receiving(inbox, **demanding):
            with pytest.raises((OSError, AssertionError)), Sender(self.port, context) as sender:
                assert sender.send(message())
            context.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
            with Sender(self.port, context) as sender:
                assert code_of(sender.send(message())) == "AA"
        assert [len(request.certificates) for request in inbox.requests] == [0, 1]


def expected_of(sender, number):
    answer = sender.send(message(f13=number))
    line = next(one for one in answer.split(b"\r") if one.startswith(b"MSA"))
    return line.decode().split("|")[4]
