"""The contracts treat a type that tells core that it is `lost` as core does: another object takes
its place.
"""

from __future__ import annotations

import threading

import pytest
from hansa import Channel, Outgoing, Request, Unavailable
from hansa_devkit import ChannelContract, LocalServer, OutgoingContract


class Peer:
    """The other side: it takes connections while it is there, and ends those that it has when it
    goes.
    """

    there, connections = True, []

    @classmethod
    def connect(cls, receive=None):
        if not cls.there:
            raise Unavailable("nobody is there")
        cls.connections.append(receive)
        return receive

    @classmethod
    def go(cls):
        cls.there, cls.connections = False, []


class TellingChannel(Channel):
    """Tells core that its peer is gone, and does nothing more."""

    type = "telling"

    def start(self):
        """Connect."""
        self._receive = lambda raw: self.dispatch(Request(raw))
        Peer.connect(self._receive)

    def stop(self):
        """Disconnect."""
        Peer.connections = [each for each in Peer.connections if each is not self._receive]


class TellingOutgoing(Outgoing):
    """Tells core that its peer is gone when a call finds that out."""

    type = "telling"

    def start(self):
        """Connect."""
        self._connection = object()
        Peer.connect(self._connection)

    def stop(self):
        """Disconnect."""
        Peer.connections = [each for each in Peer.connections if each is not self._connection]

    def ping(self):
        """Ask."""
        if self._connection not in Peer.connections:
            error = Unavailable("the connection is gone")
            self.lost(error)
            raise error
        return "there"


class Both:
    patience = 2.0

    @pytest.fixture(autouse=True)
    def _peer(self):
        Peer.there, Peer.connections = True, []

    def peer_up(self):
        Peer.there = True


class TestChannel(Both, ChannelContract):
    cls = TellingChannel

    def make(self, name="conformance", **changes):
        self.made = super().make(name, **changes)
        return self.made

    def send(self, raw):
        if not Peer.connections:
            raise Unavailable("nobody receives")
        Peer.connections[-1](raw)

    def peer_down(self):
        Peer.go()
        if hasattr(self, "made"):
            self.made.lost(Unavailable("the connection is gone"))


class TestOutgoing(Both, OutgoingContract):
    cls = TellingOutgoing
    test_its_time_out_is_kept = None  # type: ignore[assignment] # it waits for nobody

    def peer_down(self):
        Peer.go()


class TestSilentChannel(TestChannel):
    """One that tells nobody does not pass."""

    def peer_down(self):
        Peer.go()

    def test_recovers_when_the_peer_comes_back(self):
        with pytest.raises(AssertionError, match="nothing arrives"):
            super().test_recovers_when_the_peer_comes_back()


def test_a_local_server_notes_what_is_lost_once():
    server, error = LocalServer(), OSError("first")
    channel = TellingChannel("a", None, server)
    threads = [
        threading.Thread(target=channel.lost, args=(each,)) for each in (error, OSError("second"))
    ]
    for thread in threads:
        thread.start()
        thread.join()
    assert server.losses == {channel: error}
