"""The NATS server that tests share."""

from __future__ import annotations

import pytest

from plugins.nats.tests.nats_server import NatsServer


@pytest.fixture(scope="session")
def broker(real_server):
    """A running server."""
    return real_server(NatsServer)
