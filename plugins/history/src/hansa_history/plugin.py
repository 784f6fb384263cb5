"""What hansa-history adds to a worker: the admin services of the history, and its retention."""

from __future__ import annotations

from hansa import Server, Service, hookimpl

from .early import HistorySection
from .retention import Retention
from .services import OPERATIONS


@hookimpl
def hansa_startup(server: Server) -> Retention:
    """Return what removes old changes and sources."""
    return Retention(server, server.section(HistorySection))


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services of the history."""
    return list(OPERATIONS)


@hookimpl
def hansa_serve(server: Server) -> None:
    """Begin to remove old changes and sources."""
    server.resource(Retention).start()


@hookimpl
def hansa_shutdown(server: Server) -> None:
    """Remove no more."""
    server.resource(Retention).stop()
