"""What hansa-samples adds to a worker: the wrapper of every call, and the admin services."""

from __future__ import annotations

from functools import partial

from hansa import Channel, Dispatch, Request, Server, Service, Undefined, hookimpl

from .origin import Origin
from .sampler import Sampler
from .services import OPERATIONS
from .switchboard import Keep, Switch, sampled, sampled_inside


@hookimpl
def hansa_startup(server: Server) -> Sampler:
    """Return what keeps samples in this worker."""
    sampler = Sampler(server)
    sampler.start()
    return sampler


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services of samples."""
    return list(OPERATIONS)


@hookimpl(trylast=True)
def hansa_wrap(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch | None:
    """Sample calls, around what other plugins wrap; those of admin services never."""
    if service.is_administrative():
        return None
    if channel is None:
        return sampled_inside(partial(found_inside, service), call)
    sampler = sampler_in(channel.server)
    if sampler is None:
        return None
    sampler.sections.put(channel)
    name = channel.settings.service or service.get_name()
    return sampled(*parts_of(sampler, channel, service, name), call)


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Store the last samples."""
    server.resource(Sampler).stop()


def found_inside(service: type[Service], request: Request) -> tuple[Switch, Keep] | None:
    """Return what samples the calls of a service that come by no channel, in the worker that
    handles a request.
    """
    assert request.channel is not None
    sampler = sampler_in(request.channel.server)
    if sampler is None:
        return None
    return parts_of(sampler, None, service, service.get_name())


def parts_of(
    sampler: Sampler, channel: Channel | None, service: type[Service], name: str
) -> tuple[Switch, Keep]:
    """Return the switch of a service, and what keeps calls that come by a channel or by none."""
    origin = Origin(sampler.sections, channel, service)
    return sampler.switchboard.switch(name), partial(sampler.keep, service=name, origin=origin)


def sampler_in(server: Server) -> Sampler | None:
    """Return what keeps the samples of a worker; None if this plugin could not be started there."""
    try:
        return server.resource(Sampler)
    except Undefined:
        return None
