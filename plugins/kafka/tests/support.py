"""Objects of this plugin in a test: started as core does it, with a function in the place of the
service.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from hansa import Request, Response
from hansa_devkit import LocalServer
from hansa_devkit.harness import objects
from hansa_kafka.channel import KafkaChannel
from hansa_kafka.outgoing import KafkaOutgoing

from plugins.kafka.tests.brokers import Broker


def made(cls: Any, broker: Broker, server: LocalServer | None = None, **settings: Any) -> Any:
    """An object that is not started."""
    own = {"port": broker.port, "timeout": 5.0, "connect_timeout": 3.0}
    return objects.made(cls, {**own, **settings}, server)


def channel(
    broker: Broker,
    dispatch: Callable[[Request], Response],
    topic: str,
    server: LocalServer | None = None,
    **settings: Any,
) -> AbstractContextManager[Any]:
    """A running channel."""
    own = {"service": "test", "first_delay": 0.02, "session_timeout": 6, "group": "g"}
    one = made(KafkaChannel, broker, server, **{**own, "topics": [topic], **settings})
    return objects.running(one, dispatch)


def outgoing(
    broker: Broker, server: LocalServer | None = None, **settings: Any
) -> AbstractContextManager[Any]:
    """A running outgoing connection."""
    return objects.running(made(KafkaOutgoing, broker, server, **settings))
