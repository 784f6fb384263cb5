"""Objects of this plugin in a test: started as core does it, with a function in the place of the
service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from hansa import Request, Response
from hansa_amqp.channel import AmqpChannel
from hansa_amqp.outgoing import AmqpOutgoing
from hansa_devkit import LocalServer
from hansa_devkit.harness import objects

from plugins.amqp.tests.rabbitmq import RabbitMQ

LOGIN = {"host": "127.0.0.1", "timeout": 5.0}


def made(cls: Any, rabbit: RabbitMQ, server: LocalServer | None = None, **settings: Any) -> Any:
    """An object that is not started."""
    return objects.made(cls, {**LOGIN, "port": rabbit.port, **settings}, server)


@contextmanager
def channel(
    rabbit: RabbitMQ, dispatch: Callable[[Request], Response], queue: str = "in", **settings: Any
) -> Iterator[Any]:
    """A running channel; `stop` may be called before the end of the block."""
    settings = {"queue": queue, "service": "test", "first_delay": 0.02, **settings}
    one = made(AmqpChannel, rabbit, **settings)
    stop = one.stop
    stopped: list[bool] = []

    def stop_once() -> None:
        if not stopped:
            stopped.append(True)
            stop()

    one.stop = stop_once
    with objects.running(one, dispatch):
        yield one


def outgoing(rabbit: RabbitMQ, **settings: Any) -> AbstractContextManager[Any]:
    """A running outgoing connection."""
    return objects.running(made(AmqpOutgoing, rabbit, **settings))
