"""The in-memory types hold their contracts, and the queue does what a broker does."""

from __future__ import annotations

import uuid

import pytest
from hansa_devkit import ChannelContract, OutgoingContract, memory_queue
from hansa_devkit.memory import MemoryChannel, MemoryOutgoing


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

    def peer_hangs(self):
        from contextlib import contextmanager

        @contextmanager
        def full():
            self.queue.capacity = 0
            yield

        return full()
