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
from hansa_nats.channel import NatsChannel
from hansa_nats.outgoing import NatsOutgoing

from plugins.nats.tests.nats_server import NatsServer


def made(cls: Any, broker: NatsServer, server: LocalServer | None = None, **settings: Any) -> Any:
    """An object that is not started."""
    own = {"port": broker.port, "timeout": 5.0, "connect_timeout": 3.0}
    return objects.made(cls, {**own, **settings}, server)


def channel(
    broker: NatsServer,
    dispatch: Callable[[Request], Response],
    subject: str,
    server: LocalServer | None = None,
    **settings: Any,
) -> AbstractContextManager[Any]:
    """A running channel."""
    own = {"service": "test", "first_delay": 0.02, "interval": 1}
    one = made(NatsChannel, broker, server, **{**own, "subject": subject, **settings})
    return objects.running(one, dispatch)


def outgoing(
    broker: NatsServer, server: LocalServer | None = None, **settings: Any
) -> AbstractContextManager[Any]:
    """A running outgoing connection."""
    return objects.running(made(NatsOutgoing, broker, server, **settings))
