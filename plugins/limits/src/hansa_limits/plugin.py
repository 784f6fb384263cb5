"""The hooks of hansa-limits: the section `limits` of every channel, and what puts it into effect
before and around the routes of channels; and the rates that services count themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hansa import Channel, Dispatch, Model, Request, Server, Service, event_loop, hookimpl

from .accounts import account_namer
from .addresses import address_guard
from .callers import caller_of
from .gate import cancelled, limited, timed
from .idempotency import Parse, idempotent
from .policies import Policy, policies_of
from .service_rates import Rates
from .settings import Limits
from .throttling import throttled
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
def hansa_attributes(server: Server) -> Mapping[str, object]:
    """Return `self.rates` of services."""
    return {"rates": Rates(server.resource(WorkerLimits).cells)}


@hookimpl
def hansa_guard(channel: Channel, service: type[Service]) -> Callable[[Request], None] | None:
    """Refuse addresses before anything else is looked at."""
    limits: Limits = channel.config.limits
    if not limits.allow_from and not limits.deny_from:
        return None
    return address_guard(limits.allow_from, limits.deny_from)


@hookimpl
def hansa_wrap(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch | None:
    """Put the limits of a channel into effect; nothing is wrapped where none is set, nor for calls
    without a channel.

    Rates come first, once the caller is known, then the gate, then idempotency keys.
    """
    if channel is None:
        return None
    limits: Limits = channel.config.limits
    wrapped: Dispatch | None = None
    if limits.idempotency:
        keys = channel.server.resource(WorkerLimits).keys
        wrapped = idempotent(keys, channel, limits, call, parser_of(channel, service))
    if limits.timeout or limits.max_concurrent:
        gate = channel.server.resource(WorkerLimits).gate(channel)
        in_time = cancelled if service.is_async else timed
        gated = in_time if limits.timeout else limited
        wrapped = gated(gate, limits, wrapped or call)
    owner = f"{channel.type} {channel.name}"
    account_of = account_namer(channel.server) if limits.rate_per_account else caller_of
    policies = policies_of(limits, owner, account_of)
    if policies:
        cells = channel.server.resource(WorkerLimits).cells[limits.rate_scope]
        wrapped = throttled(cells, channel, policies, wrapped or call, headers=limits.rate_headers)
    if wrapped is not None and _waits(limits, policies):
        event_loop.kept_off(wrapped)
    return wrapped


def _waits(limits: Limits, policies: Sequence[Policy]) -> bool:
    """Whether limits have messages wait for each other, or for Redis."""
    asks_redis = bool(policies) and limits.rate_scope == "cluster"
    return limits.idempotency != "" or limits.max_concurrent > 0 or asks_redis


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
