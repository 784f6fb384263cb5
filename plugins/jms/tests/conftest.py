"""The ActiveMQ that tests share."""

from __future__ import annotations

import pytest

from plugins.jms.tests.activemq import ActiveMQ


@pytest.fixture(scope="session")
def broker(real_server):
    """A running broker, with a queue of its own for each test."""
    found = real_server(ActiveMQ)
    found.resume()
    if not found.is_running():
        found.start()
    return found
