"""The stand-in for mqweb that tests share."""

from __future__ import annotations

import pytest

from plugins.ibmmq.tests.mqweb_server import MqwebServer


@pytest.fixture
def mqweb():
    """A stand-in that answers, and that has had nothing to complain of when a test ends."""
    with MqwebServer() as server:
        server.make("IN.1", "DEAD", "OUT")
        yield server
        assert not server.complaints
