"""Objects of this plugin in a test: started as core does it, with a function in the place of the
service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hansa import Request, Response, load
from hansa_devkit import LocalServer
from hansa_mqtt.channel import MqttChannel
from hansa_mqtt.outgoing import MqttOutgoing

from plugins.mqtt.tests.mosquitto import Mosquitto


def made(cls: Any, broker: Mosquitto, server: LocalServer | None = None, **settings: Any) -> Any:
    """An object that is not started."""
    model = type("Definition", (cls.Config, cls.common), {"__doc__": "."})
    config: Any = load(model, {**broker.settings, "timeout": 10, **settings})
    return cls("Grüße", cls.prepare(config), server or LocalServer())


@contextmanager
def running(thing: Any) -> Iterator[Any]:
    """A started object; `stop` may be called before the end of the block."""
    try:
        thing.start()
        yield thing
    finally:
        thing.stop()


@contextmanager
def channel(
    broker: Mosquitto,
    dispatch: Callable[[Request], Response],
    server: LocalServer | None = None,
    **settings: Any,
) -> Iterator[Any]:
    """A running channel."""
    one = made(MqttChannel, broker, server, **{"service": "x", "first_delay": 0.02, **settings})
    one.dispatch = dispatch
    with running(one):
        yield one


@contextmanager
def outgoing(broker: Mosquitto, **settings: Any) -> Iterator[Any]:
    """A running outgoing connection."""
    with running(made(MqttOutgoing, broker, **settings)) as one:
        yield one
