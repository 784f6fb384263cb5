"""The in-memory types hold their contracts, and the queue does what a broker does."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import pytest
from hansa import Request, Response, TimedOut, Unavailable
from hansa_devkit import ChannelContract, LocalServer, OutgoingContract, memory_queue
from hansa_devkit.memory import Consumption, MemoryChannel, MemoryOutgoing, MemoryQueue


class Here:
    """A queue of its own for each test."""

    @pytest.fixture(autouse=True)
    def _queue(self):
        self.queue = memory_queue(uuid.uuid4().hex)

    def settings(self):
        return {**super().settings(), "queue": self.queue.name}

    def peer_down(self):
        self.queue.down()

    def peer_up(self):
        self.queue.up()


class TestChannel(Here, ChannelContract):
    cls = MemoryChannel
    headers = {"topic": "t"}

    def send(self, raw):
        self.queue.put(raw, {"topic": "t"})


class TestOutgoing(Here, OutgoingContract):
    cls = MemoryOutgoing

    def use(self, outgoing):
        outgoing.put(b"x")

    @contextmanager
    def peer_hangs(self):
        self.queue.capacity = 0
        yield


@pytest.fixture
def queue():
    return MemoryQueue("q", capacity=2)


def test_what_was_taken_must_be_settled(queue):
    queue.put(b"1")
    message = queue.take()
    assert not queue.wait_until_empty(0.01)
    queue.done(message)
    assert queue.wait_until_empty(0.01)


def test_what_is_put_back_comes_again_first_after_its_delay(queue):
    queue.put(b"1")
    queue.put(b"2")
    queue.again(queue.take(), delay=0.05)
    assert queue.take().raw == b"2"
    assert queue.take() is None
    again = queue.take(timeout=5)
    assert (again.raw, again.attempt) == (b"1", 2)


def test_a_full_queue_times_out(queue):
    queue.put(b"1")
    queue.put(b"2")
    with pytest.raises(TimedOut, match="q is full"):
        queue.put(b"3", timeout=0.01)
    assert len(queue) == 2


def test_an_outage_keeps_what_waits(queue):
    queue.put(b"1")
    queue.down()
    for call in (queue.take, queue.check, lambda: queue.put(b"2")):
        with pytest.raises(Unavailable, match="q is down"):
            call()
    queue.up()
    assert queue.take().raw == b"1"


class TestDeadLetters(Here):
    """What the channel gives up, and when."""

    def run(self, outcome, **settings):
        config = Consumption(queue=self.queue.name, retry_delay=0.0, **settings)
        channel = MemoryChannel("c", config, LocalServer())
        attempts = []

        def dispatch(request: Request) -> Response:
            attempts.append(request.attempt)
            response = Response()
            response.outcome = outcome
            return response

        channel.dispatch = dispatch
        self.queue.put(b"1")
        channel.start()
        assert self.queue.wait_until_empty()
        channel.stop()
        return attempts

    def test_after_the_last_attempt(self):
        assert self.run("retry", max_attempts=3) == [1, 2, 3]
        assert [message.raw for message in self.queue.dead] == [b"1"]

    def test_at_once_if_rejected(self):
        assert self.run("reject") == [1]
        assert len(self.queue.dead) == 1

    def test_not_if_handled(self):
        assert self.run("done") == [1]
        assert self.queue.dead == []


def test_the_plugin_gives_both_types():
    from hansa_devkit.plugin import hansa_transports

    assert hansa_transports() == [MemoryChannel, MemoryOutgoing]
