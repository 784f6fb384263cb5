"""The RabbitMQ that tests share."""

from __future__ import annotations

import pytest

from plugins.amqp.tests.rabbitmq import RabbitMQ


@pytest.fixture(scope="session")
def rabbit(real_server):
    """A running node."""
    return real_server(RabbitMQ)
