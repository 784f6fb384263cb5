"""What hansa-cache adds to a worker: its caches, `self.cache` of services, the answers of channels that are
kept, and the admin services.
"""

from __future__ import annotations

from collections.abc import Mapping

from hansa import Channel, Dispatch, Model, Server, Service, StoredChange, hookimpl

from .caches import Caches, erase_quietly
from .kinds import CacheDefinition
from .response_settings import ResponseCache
from .services import OPERATIONS


@hookimpl
def hansa_startup(server: Server) -> Caches:
    """Return the caches of this worker, whose settings definitions give."""
    return Caches(server)


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Close what caches have opened."""
    server.resource(Caches).close()


@hookimpl
def hansa_attributes(server: Server) -> Mapping[str, object]:
    """Return `self.cache` of services."""
    return {"cache": server.resource(Caches)}


@hookimpl
def hansa_channel_settings() -> dict[str, type[Model]]:
    """Return the section that channels over HTTP get."""
    return {"response_cache": ResponseCache}


@hookimpl(trylast=True)
def hansa_wrap(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch | None:
    """Keep the answers of channels that name a cache; last, so that rights, limits, samples and
    statistics count what is answered from it, too.
    """
    if channel is None:
        return None
    section: ResponseCache | None = getattr(channel.config, "response_cache", None)
    if section is None or not section.cache:
        return None
    from .responses import CachedRoute

    return CachedRoute(channel.server.resource(Caches), channel, service, call).answer


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services."""
    return list(OPERATIONS)


@hookimpl
def hansa_stored(server: Server, change: StoredChange) -> None:
    """Delete the entries of caches whose definitions were deleted."""
    for (kind, type, name), action in change.actions:
        if (kind, type, action) == (CacheDefinition.kind, CacheDefinition.type, "delete"):
            erase_quietly(server.resource(Caches), name, server)
