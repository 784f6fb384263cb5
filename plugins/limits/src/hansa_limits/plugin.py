"""The hooks of hansa-limits: the section `limits` of every channel, and the wrapping of routes that
puts it into effect.
"""

from __future__ import annotations

from hansa import Channel, Dispatch, Model, Server, Service, hookimpl

from .gate import limited, timed
from .idempotency import Parse, idempotent
from .settings import Limits
from .worker import WorkerLimits


@hookimpl
def hansa_channel_settings() -> dict[str, type[Model]]:
    """Return the section that every channel gets."""
    return {"limits": Limits}


@hookimpl
def hansa_startup(server: Server) -> WorkerLimits:
    """Return the gates and keys of this worker."""
    return WorkerLimits(server.bus)


@hookimpl
def hansa_wrap(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch | None:
    """Put the limits of a channel into effect; nothing is wrapped where none is set, nor for calls
    without a channel.
    """
    if channel is None:
        return None
    limits: Limits = channel.config.limits
    wrapped: Dispatch | None = None
    if limits.idempotency:
        keys = channel.server.resource(WorkerLimits).keys
        wrapped = idempotent(keys, channel, limits, call, parser_of(channel, service))
    if not limits.timeout and not limits.max_concurrent:
        return wrapped
    gate = channel.server.resource(WorkerLimits).gate(channel)
    if limits.timeout:
        return timed(gate, limits, wrapped or call)
    return limited(gate, limits, wrapped or call)


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Store the last answers."""
    server.resource(WorkerLimits).close()


def parser_of(channel: Channel, service: type[Service]) -> Parse | None:
    """Return what reads the messages of a channel as plain data; None where it has no format."""
    name = channel.settings.format or channel.default_format
    if not name:
        return None
    return channel.server.registry.format(name).cls(channel.config, service).parse
