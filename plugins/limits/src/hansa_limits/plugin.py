"""What hansa-limits adds to a worker: settings of every channel, and the wrapping of routes that makes them hold."""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary

from hansa import Model, Unavailable, hookimpl

from .gate import Gate, limited, timed
from .idempotency import idempotent
from .keys import Keys
from .settings import Limits

_gates: dict[tuple[Any, ...], Gate] = {}
_keys: WeakKeyDictionary[Any, Keys] = WeakKeyDictionary()
_lock = threading.Lock()


@hookimpl
def hansa_channel_settings() -> dict[str, type[Model]]:
    """Give the settings of every channel."""
    return {"limits": Limits}


@hookimpl
def hansa_wrap(channel: Any, service: Any, call: Any) -> Any:
    """Make the limits of a channel hold; nothing is wrapped where none is set, nor for calls without a channel."""
    if channel is None:
        return None
    config: Limits = channel.config.limits
    found = None
    if config.idempotency:
        found = call = idempotent(
            keys_of(channel.server), channel, call, parser_of(channel, service)
        )
    seconds = config.timeout
    if seconds or config.max_concurrent:
        gate = gate_of(channel)
        if seconds:
            found = timed(gate, config.max_concurrent, config.max_waiting, seconds, call)
        else:
            found = limited(gate, config.max_concurrent, config.max_waiting, call)
    return found


@hookimpl
def hansa_shutdown(server: Any) -> None:
    """Keep the last answers."""
    with _lock:
        keys = _keys.pop(server, None)
    if keys is not None:
        keys.stop()


def gate_of(channel: Any) -> Gate:
    """The gate of a channel in this worker, the same for all its routes, one after the other."""
    with _lock:
        key = (id(channel.server), channel.type, channel.name)
        return _gates.setdefault(key, Gate(f"{channel.type} {channel.name!r}"))


def keys_of(server: Any) -> Keys:
    """The idempotency keys of a cluster; raises `Unavailable` where no Redis carries the bus."""
    with _lock:
        found = _keys.get(server)
        if found is None:
            if server.bus.address is None:
                raise Unavailable("idempotency keys need Redis: install hansa-redis")
            found = _keys[server] = Keys(server.bus.address, server.bus.key("idempotency"))
        return found


def parser_of(channel: Any, service: Any) -> Any:
    """What reads the messages of a channel as plain data; None where it has no format."""
    format = channel.config.format or channel.default_format
    return (
        channel.server.registry.format(format).cls(channel.config, service).parse
        if format
        else None
    )
