"""Objects of this plugin in a test: started as core does it, with a function in the place of the
service.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hansa import Request, Response, load
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.inbox import answer
from hansa_nats.channel import NatsChannel
from hansa_nats.outgoing import NatsOutgoing

from plugins.nats.tests.nats_server import NatsServer


def made(cls: Any, broker: NatsServer, server: LocalServer | None = None, **settings: Any) -> Any:
    """An object that is not started."""
    model = type("Definition", (cls.Config, cls.common), {"__doc__": "."})
    own = {"port": broker.port, "timeout": 5.0, "connect_timeout": 3.0}
    config: Any = load(model, {**own, **settings})
    return cls("test", cls.prepare(config), server or LocalServer())


@contextmanager
def channel(
    broker: NatsServer,
    dispatch: Callable[[Request], Response],
    subject: str,
    server: LocalServer | None = None,
    **settings: Any,
) -> Iterator[Any]:
    """A running channel."""
    own = {"service": "test", "first_delay": 0.02, "interval": 1}
    one = made(NatsChannel, broker, server, **{**own, "subject": subject, **settings})
    one.dispatch = dispatch
    try:
        one.start()
        yield one
    finally:
        one.stop()


@contextmanager
def outgoing(
    broker: NatsServer, server: LocalServer | None = None, **settings: Any
) -> Iterator[Any]:
    """A running outgoing connection."""
    one = made(NatsOutgoing, broker, server, **settings)
    try:
        one.start()
        yield one
    finally:
        one.stop()


class Judged:
    """A service whose outcome for each message is what a function of the request says; all requests
    in `inbox`.
    """

    def __init__(self, judge: Callable[[Request], str]) -> None:
        self.inbox, self.judge = Inbox(), judge

    def __call__(self, request: Request) -> Response:
        self.inbox(request)
        return answer(request, self.judge(request))


class Held:
    """A service that holds each message until it is let go; it has all requests in `inbox`."""

    def __init__(self) -> None:
        self.inbox, self.going = Inbox(), threading.Event()

    def __call__(self, request: Request) -> Response:
        response = self.inbox(request)
        self.going.wait(60)
        return response
