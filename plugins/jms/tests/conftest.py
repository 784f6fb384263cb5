"""The brokers that tests share: ActiveMQ, which speaks STOMP, and RabbitMQ, which speaks AMQP 1.0."""

from __future__ import annotations

import pytest

from plugins.jms.tests.activemq import ActiveMQ
from plugins.jms.tests.rabbit import RabbitAmqp


@pytest.fixture(scope="session")
def activemq(real_server):
    """A running broker, with a queue of its own for each test."""
    return running(real_server(ActiveMQ))


@pytest.fixture(scope="session")
def rabbit(real_server):
    """A running node, with a queue of its own for each test."""
    return running(real_server(RabbitAmqp))


@pytest.fixture(scope="session", params=["activemq", "rabbit"])
def broker(request):
    """Each of both in turn: what is true of one protocol is true of the other."""
    return request.getfixturevalue(request.param)


def running(found):
    """Return a server that other tests may have paused or ended, running."""
    found.resume()
    if not found.is_running():
        found.start()
    return found
