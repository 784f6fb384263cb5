"""The broker that tests share."""

from __future__ import annotations

import pytest

from plugins.kafka.tests.brokers import Noida


@pytest.fixture(scope="session")
def broker(real_server):
    """A running broker, which keeps its data over a kill."""
    return real_server(Noida)
