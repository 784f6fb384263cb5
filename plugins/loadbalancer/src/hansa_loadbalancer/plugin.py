"""Entry point of the load-balancer in workers: its admin services, and what tells load-balancers
where this server is.
"""

from __future__ import annotations

from hansa import NotFound, PlainSettings, Server, Service, hookimpl

from .advertising import Advertisement, Members, advertised
from .members import MEMBERS
from .services import OPERATIONS


@hookimpl
def hansa_services(server: Server) -> list[type[Service]]:
    """Return `admin.loadbalancer.*`, and the list of servers where this one tells its address."""
    return [*OPERATIONS, Members] if advertised(server) else list(OPERATIONS)


@hookimpl
def hansa_definitions(server: Server) -> list[tuple[str, str, str, PlainSettings]]:
    """Return the channel of that list."""
    if not advertised(server):
        return []
    settings = {"url_path": MEMBERS, "method": "GET", "service": Members.name}
    return [("channel", "http", Members.name, settings)]


@hookimpl
def hansa_startup(server: Server) -> Advertisement | None:
    """Return what tells the address of this server, which does not tell it yet."""
    address = advertised(server)
    return Advertisement(server, address) if address else None


@hookimpl
def hansa_serve(server: Server) -> None:
    """Tell the address of this server."""
    advertisement = _advertisement(server)
    if advertisement is not None:
        advertisement.start()


@hookimpl
def hansa_drain(server: Server) -> None:
    """Tell it no longer."""
    advertisement = _advertisement(server)
    if advertisement is not None:
        advertisement.stop()


def _advertisement(server: Server) -> Advertisement | None:
    try:
        return server.resource(Advertisement)
    except NotFound:
        return None
