"""Both types hold the contracts of the conformance kit, against the stand-in for mqweb."""

from __future__ import annotations

from typing import Any

import pytest
from hansa_devkit import ChannelContract, OutgoingContract
from hansa_ibmmq.channel import IbmmqChannel
from hansa_ibmmq.outgoing import IbmmqOutgoing

from plugins.connect.tests.on_peer import OnPeer
from plugins.ibmmq.tests.mqweb_server import MqwebServer


class OnMqweb(OnPeer):
    make_peer = MqwebServer

    def clear(self) -> None:
        self.peer.make("IN.1", "DEAD", "OUT")
        self.peer.complaints.clear()

    @pytest.fixture(autouse=True)
    def _without_complaints(self, _empty):
        yield
        assert not self.peer.complaints


@pytest.mark.proves("channel ibmmq", "guarantee")
@pytest.mark.proves(
    "channel ibmmq", "durability", "messages stay in their queue until the service has ended"
)
@pytest.mark.proves("channel ibmmq", "loss window", "none")
@pytest.mark.proves("channel ibmmq", "duplicates", "what is in hand when its worker dies")
class TestChannel(OnMqweb, ChannelContract):
    cls = IbmmqChannel
    good = {"queue": "IN.1", "dead_letter_queue": "DEAD", "interval": 0.05, "first_delay": 0.05}
    messages = (b'{"n": 1}', "Grüße, мир \U0001f600".encode(), b"a\r\nb")

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "timeout": 5}

    def send(self, raw: bytes) -> None:
        if not self.peer.is_running():
            raise ConnectionError
        self.peer.put("IN.1", raw.decode())


class TestOutgoing(OnMqweb, OutgoingContract):
    cls = IbmmqOutgoing
    good = {"queue": "OUT"}

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "timeout": 5}

    def use(self, outgoing: Any) -> None:
        assert outgoing.send("message").startswith("ID:")
