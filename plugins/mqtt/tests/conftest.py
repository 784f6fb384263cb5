"""The Mosquitto that tests share."""

from __future__ import annotations

import uuid

import pytest

from plugins.mqtt.tests.mosquitto import Mosquitto


@pytest.fixture(scope="session")
def broker(real_server):
    """A running broker."""
    return real_server(Mosquitto)


@pytest.fixture
def topic() -> str:
    """A topic of its own for a test."""
    return f"tests/{uuid.uuid4().hex}/größe"
