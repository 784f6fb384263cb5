"""Objects of this plugin in a test: started as core does it, with a function in the place of the
service.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hansa import Request, Response, load
from hansa_amqp.channel import AmqpChannel
from hansa_amqp.outgoing import AmqpOutgoing
from hansa_devkit import Inbox, LocalServer
from hansa_devkit.inbox import answer

from plugins.amqp.tests.rabbitmq import RabbitMQ

LOGIN = {"host": "127.0.0.1", "timeout": 5.0}


def made(cls: Any, rabbit: RabbitMQ, server: LocalServer | None = None, **settings: Any) -> Any:
    """An object that is not started."""
    model = type("Definition", (cls.Config, cls.common), {"__doc__": "."})
    config: Any = load(model, {**LOGIN, "port": rabbit.port, **settings})
    return cls("test", cls.prepare(config), server or LocalServer())


@contextmanager
def channel(
    rabbit: RabbitMQ, dispatch: Callable[[Request], Response], queue: str = "in", **settings: Any
) -> Iterator[Any]:
    """A running channel; `stop` may be called before the end of the block."""
    settings = {"queue": queue, "service": "test", "first_delay": 0.02, **settings}
    one = made(AmqpChannel, rabbit, **settings)
    one.dispatch = dispatch
    stop = one.stop
    stopped: list[bool] = []

    def stop_once() -> None:
        if not stopped:
            stopped.append(True)
            stop()

    one.stop = stop_once
    try:
        one.start()
        yield one
    finally:
        one.stop()


@contextmanager
def outgoing(rabbit: RabbitMQ, **settings: Any) -> Iterator[Any]:
    """A running outgoing connection."""
    one = made(AmqpOutgoing, rabbit, **settings)
    try:
        one.start()
        yield one
    finally:
        one.stop()


class Held:
    """A service that holds messages until it is let go, those that `picked` picks; it has all
    requests in `inbox`.
    """

    def __init__(self, picked: Callable[[Request], bool] = lambda request: True) -> None:
        self.inbox, self.picked, self.going = Inbox(), picked, threading.Event()

    def __call__(self, request: Request) -> Response:
        response = self.inbox(request)
        if self.picked(request):
            self.going.wait(120)
        return response


class Judged:
    """A service whose outcome for each message is what a function of the request says; all requests
    in `inbox`.
    """

    def __init__(self, judge: Callable[[Request], str]) -> None:
        self.inbox, self.judge = Inbox(), judge

    def __call__(self, request: Request) -> Response:
        self.inbox(request)
        return answer(request, self.judge(request))
