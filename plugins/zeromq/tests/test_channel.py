"""The channel: the contract, frames and topics, hostile input, what is lost and counted, and
senders that come and go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import zmq
from hansa import Unavailable
from hansa_connect.sequence import Numbers
from hansa_devkit import ChannelContract
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.inbox import Inbox
from hansa_zeromq.channel import ZeroMQChannel


class Base(ChannelContract):
    """A channel at a free port, and a socket that sends to it."""

    cls = ZeroMQChannel
    good: Any = {"address": "tcp://127.0.0.1:1"}
    loses_on_edit = True  # what the old socket had in its memory goes with it
    sends = zmq.PUSH
    sending = threading.Lock()  # a socket is for one thread at a time

    @pytest.fixture(autouse=True)
    def _sender(self) -> Iterator[None]:
        address = f"tcp://127.0.0.1:{free_port()}"
        self.good = {**type(self).good, "address": address}
        self.context = zmq.Context()
        self.sender = self.context.socket(self.sends)
        self.sender.setsockopt(zmq.IMMEDIATE, 1)
        self.sender.setsockopt(zmq.RECONNECT_IVL, 20)
        self.sender.connect(address)
        yield
        self.context.destroy(0)

    def send(self, raw: bytes) -> None:
        with self.sending:
            if not self.sender.poll(2000, zmq.POLLOUT):
                raise ConnectionError("nobody takes it")
            self.sender.send(raw)


@pytest.mark.proves("channel zeromq", "guarantee")
class TestPull(Base):
    """PULL: all the checks, and what is special about it."""

    def test_frames_and_topic(self):
        inbox = Inbox()
        with self.receiving(inbox):
            wait_until(lambda: self.sender.poll(100, zmq.POLLOUT))
            self.sender.send_multipart([b"orders.new", b"\xff", b"body"])
            (request,) = inbox.wait(1, 5)
        assert request.raw == b"body" and request.headers == {"topic": "orders.new"}
        assert request.extra["frames"] == [b"orders.new", b"\xff", b"body"]

    def test_an_address_that_is_taken(self):
        with self.receiving(Inbox()), pytest.raises(Unavailable, match=r"already in use.*set bind"):
            self.make("other").start()

    def test_an_address_of_another_machine(self):
        made = self.make(address="tcp://192.0.2.1:5000")
        with pytest.raises(Unavailable, match=r"none of this machine; .*set bind to false"):
            made.start()
        made.stop()

    def test_too_large_a_frame_cuts_its_sender_off_and_nobody_else(self):
        inbox = Inbox()
        with self.receiving(inbox, max_size=1000) as channel:
            self.send(b"x" * 1_000_000)
            other = self.context.socket(zmq.PUSH)
            other.connect(self.good["address"])
            other.send(b"small")
            assert [request.raw for request in inbox.wait(1, 5)] == [b"small"]
            assert channel.received == 1

    @pytest.mark.parametrize(
        "frames",
        [[b""], [b"", b""], [b"\x00" * 5, b"\xff\xfe"], [b"a\r\nb: c", b"x"], [b"f"] * 200],
    )
    def test_odd_frames_arrive_as_they_are(self, frames):
        inbox = Inbox()
        with self.receiving(inbox):
            wait_until(lambda: self.sender.poll(100, zmq.POLLOUT))
            self.sender.send_multipart(frames)
            (request,) = inbox.wait(1, 5)
        assert request.extra["frames"] == frames and request.raw == frames[-1]

    def test_no_more_at_a_time_than_there_are_threads(self):
        gate, running, most = threading.Event(), [0], [0]
        lock = threading.Lock()
        inbox = Inbox()

        def slow(request: Any) -> Any:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            gate.wait(5)
            with lock:
                running[0] -= 1
            return inbox(request)

        with self.receiving(cast(Any, slow), threads=2) as channel:
            for number in range(20):
                self.send(b"%d" % number)
            wait_until(lambda: running[0] == 2)
            gate.set()
            inbox.wait(20, 10)
            assert most[0] == 2 and channel.received == 20

    def test_what_did_not_arrive_is_counted(self):
        inbox, numbers = Inbox(), Numbers()
        with self.receiving(inbox, sequence=True) as channel:
            wait_until(lambda: self.sender.poll(100, zmq.POLLOUT))
            for index in range(10):
                number = numbers.next()
                if index not in (3, 4, 7):
                    self.sender.send_multipart([b"%d" % index, number])
            inbox.wait(7, 5)
            assert channel.ping().endswith("7 received, 3 lost")

    def test_a_message_without_its_number_is_told(self, caplog: pytest.LogCaptureFixture):
        with self.receiving(Inbox(), sequence=True) as channel:
            self.send(b"not numbered")
            wait_until(lambda: channel.received == 1 and "did not number" in caplog.text)

    def test_the_count_is_exact_however_many_threads_handle(self):
        inbox, numbers = Inbox(), Numbers()
        with self.receiving(inbox, sequence=True, threads=16) as channel:
            wait_until(lambda: self.sender.poll(100, zmq.POLLOUT))
            for _ in range(3000):
                self.sender.send_multipart([b"x", numbers.next()])
            inbox.wait(3000, 20)
            assert channel._gaps.missing == 0 and channel.received == 3000

    def test_a_sender_that_is_killed_and_comes_back(self, peer: Callable[..., Any]):
        inbox = Inbox()
        with self.receiving(inbox):
            first = peer("push", self.good["address"])
            inbox.wait(100, 10)
            first.kill()
            first.wait()
            before = len(inbox.requests)
            peer("push", self.good["address"])
            inbox.wait(before + 1000, 10)


class TestConnecting(Base):
    """PULL that connects: the sender binds."""

    good: Any = {"address": "tcp://127.0.0.1:1", "bind": False}

    @pytest.fixture(autouse=True)
    def _sender(self) -> Iterator[None]:
        self.context = zmq.Context()
        self.sender = self.context.socket(zmq.PUSH)
        port = self.sender.bind_to_random_port("tcp://127.0.0.1")
        self.good = {**type(self).good, "address": f"tcp://127.0.0.1:{port}"}
        yield
        self.context.destroy(0)


class Publishing(Base):
    """The sender is an XPUB."""

    sends = zmq.XPUB
    subscribed = False

    def send(self, raw: bytes) -> None:
        """XPUB tells when somebody subscribes, and when that ends; what is sent between goes
        nowhere.
        """
        with self.sending:
            while self.sender.poll(20 if self.subscribed else 2000):
                self.subscribed = self.sender.recv()[:1] == b"\x01"
            if not self.subscribed:
                raise ConnectionError("nobody subscribes")
            self.sender.send(raw)


class TestSubscribing(Publishing):
    """SUB that connects to a publisher."""

    good: Any = {"address": "tcp://127.0.0.1:1", "bind": False, "socket": "SUB", "heartbeat": 0.5}

    @pytest.fixture(autouse=True)
    def _sender(self) -> Iterator[None]:
        self.context = zmq.Context()
        self.sender = self.context.socket(zmq.XPUB)
        self.port = self.sender.bind_to_random_port("tcp://127.0.0.1")
        self.good = {**type(self).good, "address": f"tcp://127.0.0.1:{self.port}"}
        yield
        self.context.destroy(0)

    def test_a_publisher_that_vanished_is_noticed_and_found_again(self):
        """Who only listens would wait for ever behind a connection that is dead and was never
        closed.
        """
        inbox = Inbox()
        with Proxy(self.port) as proxy:
            with self.receiving(inbox, address=f"tcp://127.0.0.1:{proxy.port}"):
                wait_until(lambda: self.sender.poll(100))

                def arrived(text: bytes) -> bool:
                    self.sender.send(text)
                    return any(request.raw == text for request in inbox.requests)

                wait_until(lambda: arrived(b"before"))
                proxy.mode, before = "drop", proxy.accepted
                wait_until(lambda: proxy.accepted > before, 20, "it connects anew")
                proxy.mode = "pass"
                wait_until(lambda: arrived(b"after"))


@pytest.mark.proves("channel zeromq", "guarantee")
class TestSubscribe(Publishing):
    """SUB: only what begins with a topic."""

    good: Any = {"address": "tcp://127.0.0.1:1", "socket": "SUB"}

    def test_topics(self):
        inbox = Inbox()
        with self.receiving(inbox, topics=["orders.", "news"]):
            wait_until(
                lambda: (
                    (self.sender.poll(100) and self.sender.recv() == b"\x01news")
                    or self.sender.poll(10)
                )
            )
            for topic in (b"other", b"orders.new", b"newspaper", b"order"):
                self.sender.send_multipart([topic, b"x"])
            assert [request.headers["topic"] for request in inbox.wait(2, 5)] == [
                "orders.new",
                "newspaper",
            ]

    def test_a_slow_subscriber_knows_how_much_it_missed(self):
        """The publisher drops at the high-water mark and says nothing; the numbers tell the true
        gap.
        """
        inbox, numbers, total, gate = Inbox(), Numbers(), 5_000, threading.Event()

        def slow(request: Any) -> Any:
            gate.wait(30)
            return inbox(request)

        with self.receiving(cast(Any, slow), sequence=True, high_water_mark=10) as channel:
            wait_until(lambda: self.sender.poll(100))
            self.sender.recv()
            for index in range(total):  # 40 MB, far more than all buffers hold
                self.sender.send_multipart(
                    [b"news", b"%d " % index + b"x" * 8000, numbers.next(b"news")]
                )
            gate.set()

            def last() -> bool:
                self.sender.send_multipart([b"news", b"end", numbers.next(b"news")])
                return bool(inbox.requests) and inbox.requests[-1].raw == b"end"

            wait_until(last, 40)
            sent = numbers._last[b"news"]

            def settled() -> bool:
                known = channel.received + channel._gaps.missing
                return sent - known <= 1 and channel.received == len(inbox.requests)

            wait_until(settled, 40)
            assert channel._gaps.missing > 0, "nothing was dropped, so nothing was tested"
            assert channel.received + channel._gaps.missing in (sent, sent - 1)
